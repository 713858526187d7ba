import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { OperationKeys } from '../../core/approval/ports.ts';
import { sha256 } from '../../core/text/json.ts';
import { documents } from './client.ts';

const KEPT_SECONDS = 24 * 3600;

export function dynamoOperationKeys(ephemeraTable: string): OperationKeys {
  return {
    async claim({ user_id, key, request_hash }, approvalId, now) {
      const Item = {
        ...{ pk: `operation-key#${user_id}#${sha256(key)}`, sk: '-', approval_id: approvalId, request_hash },
        expires_at_seconds: Math.floor(now.getTime() / 1000) + KEPT_SECONDS,
      };
      const claim = { TableName: ephemeraTable, Item, ConditionExpression: 'attribute_not_exists(pk)' } as const;
      try {
        await documents.send(new PutCommand({ ...claim, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }));
        return approvalId;
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        return error.Item?.request_hash?.S === request_hash ? (error.Item?.approval_id?.S ?? null) : null;
      }
    },
  };
}
