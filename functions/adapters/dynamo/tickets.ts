import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { TicketStore } from '../../core/sandbox/ports.ts';
import { documents } from './client.ts';

/** Long enough for a run to be reattached to with the ticket it was accepted with; the supervisor judges the ticket's own expiry. */
const KEPT_SECONDS = 24 * 3600;

export function dynamoTickets(ephemeraTable: string): TicketStore {
  const key = (executionId: string, attempt: number) => ({ pk: `run-ticket#${executionId}`, sk: String(attempt) });
  return {
    async put(executionId, attempt, ticket, expiresAt) {
      const expires = Math.floor(expiresAt.getTime() / 1000) + KEPT_SECONDS;
      await documents.send(
        new PutCommand({ TableName: ephemeraTable, Item: { ...key(executionId, attempt), ticket, expires_at_seconds: expires } }),
      );
    },
    async get(executionId, attempt) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: ephemeraTable, Key: key(executionId, attempt), ConsistentRead: true }),
      );
      return typeof Item?.ticket === 'string' ? Item.ticket : null;
    },
  };
}
