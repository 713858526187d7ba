import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { NonceStore } from '../../core/approval/nonce.ts';
import { documents } from './client.ts';

export function dynamoNonces(ephemeraTable: string): NonceStore {
  return {
    async use(nonceHash, until) {
      const Item = { pk: `nonce#${nonceHash}`, sk: '-', expires_at_seconds: Math.ceil(Date.parse(until) / 1000) };
      try {
        await documents.send(new PutCommand({ TableName: ephemeraTable, Item, ConditionExpression: 'attribute_not_exists(pk)' }));
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
  };
}
