import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { pageSession } from '../../contracts/page-session.ts';
import type { PageSessionStore } from '../../core/identity/page-session.ts';
import { documents } from './client.ts';

const keyOf = (cookieHash: string) => ({ pk: `page-session#${cookieHash}`, sk: '-' });

/** Beside the sessions, whose rows hold more than those who only ask who is calling may read. */
export function dynamoPageSessions(ephemeraTable: string): PageSessionStore {
  return {
    async create(cookieHash, page) {
      const expires = { expires_at_seconds: Math.ceil(Date.parse(page.expires_at) / 1000) };
      await documents.send(new PutCommand({ TableName: ephemeraTable, Item: { ...keyOf(cookieHash), ...page, ...expires } }));
    },

    async get(cookieHash) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: ephemeraTable, Key: keyOf(cookieHash), ConsistentRead: true }),
      );
      return Item ? pageSession.parse(Item) : null;
    },

    async freshen(cookieHash, freshUntil) {
      try {
        await documents.send(
          new UpdateCommand({
            TableName: ephemeraTable,
            Key: keyOf(cookieHash),
            UpdateExpression: 'SET fresh_until = :until',
            // Signing out meanwhile is not undone.
            ConditionExpression: 'attribute_exists(pk)',
            ExpressionAttributeValues: { ':until': freshUntil },
          }),
        );
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    },

    async remove(cookieHash) {
      await documents.send(new DeleteCommand({ TableName: ephemeraTable, Key: keyOf(cookieHash) }));
    },
  };
}
