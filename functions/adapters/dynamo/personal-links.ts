import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { z } from 'zod';
import { approvalVisit, personalLink } from '../../contracts/approval-link.ts';
import type { LinkStore, VisitStore } from '../../core/approval/personal-link.ts';
import { documents } from './client.ts';

const DAY_SECONDS = 86_400;
/** So long it is known that an old link was once one, and not made up. */
const LINKS_KEPT_DAYS = 30;

export const dynamoPersonalLinks = (ephemeraTable: string): LinkStore =>
  rowsByHash(ephemeraTable, 'personal-link', personalLink, LINKS_KEPT_DAYS * DAY_SECONDS);

export const dynamoVisits = (ephemeraTable: string): VisitStore => rowsByHash(ephemeraTable, 'approval-visit', approvalVisit, 0);

function rowsByHash<T extends { readonly expires_at: string }>(
  TableName: string,
  kind: string,
  schema: z.ZodType<T>,
  keptSeconds: number,
): { create(hash: string, row: T): Promise<void>; get(hash: string): Promise<T | null> } {
  const keyOf = (hash: string) => ({ pk: `${kind}#${hash}`, sk: '-' });
  return {
    async create(hash, row) {
      const expires_at_seconds = Math.ceil(Date.parse(row.expires_at) / 1000) + keptSeconds;
      await documents.send(new PutCommand({ TableName, Item: { ...keyOf(hash), ...row, expires_at_seconds } }));
    },

    async get(hash) {
      const { Item } = await documents.send(new GetCommand({ TableName, Key: keyOf(hash), ConsistentRead: true }));
      return Item ? schema.parse(Item) : null;
    },
  };
}
