import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { type ResponseKind, responseKind, type SecurityResponse, securityResponse } from '../../contracts/security-event.ts';
import type { LimitResetStore } from '../../core/limits/resets.ts';
import type { AdminAddresses, Restrictions, SecurityResponseStore } from '../../core/security/ports.ts';
import { subjectName } from '../../core/security/responses.ts';
import { appendAudit, changeOf, createOnly, transact } from './changes.ts';
import { documents } from './client.ts';
import { encodeCursor, readFrom } from './cursor.ts';

const DAY_MS = 24 * 3600_000;
const RESPONSES = 'responses';
const restrictionsOf = (subject: string): string => `restrictions#${subject}`;
const inSeconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000);

/** Told of a row that cannot be read: one such row must not hide the others. */
export type Unreadable = (row: string, error: unknown) => void;

export function dynamoSecurityResponses(
  tables: { readonly security: string; readonly audit: string },
  unreadable: Unreadable,
): SecurityResponseStore {
  const table = tables.security;
  const keyOf = (responseId: string) => ({ pk: RESPONSES, sk: responseId });
  /** Each response has a row of its own, so that neither its end nor a shorter one later touches another. */
  const restrictionKey = ({ subject, kind, response_id: id }: SecurityResponse) => ({
    pk: restrictionsOf(subjectName(subject)),
    sk: `${kind}#${id}`,
  });

  return {
    async get(responseId) {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: keyOf(responseId), ConsistentRead: true }));
      return Item ? securityResponse.parse(Item) : null;
    },

    async create(response, record) {
      const endsAt = response.ends_at;
      const restriction = {
        ...restrictionKey(response),
        ends_at: endsAt,
        expires_at_seconds: inSeconds(Date.parse(endsAt)),
      };
      const written = await transact([
        createOnly(table, 'pk', { ...keyOf(response.response_id), ...response }),
        { Put: { TableName: table, Item: restriction } },
        appendAudit(tables.audit, record),
      ]);
      return written.outcome === 'written' ? 'created' : 'exists';
    },

    async reverse(before, after, record) {
      const lift = {
        Update: {
          TableName: table,
          Key: restrictionKey(before),
          UpdateExpression: 'SET ends_at = :now, expires_at_seconds = :expires',
          ExpressionAttributeValues: {
            ':now': after.reversed_at,
            ':expires': inSeconds(Date.parse(before.ends_at)),
          },
        },
      };
      const change = changeOf(table, keyOf(before.response_id), before, after);
      const written = await transact([change, appendAudit(tables.audit, record), lift]);
      return written.outcome === 'written' ? 'saved' : 'conflict';
    },

    async list(limit, cursor) {
      return await readFrom(cursor, async (start) => {
        const { Items, LastEvaluatedKey } = await documents.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression: 'pk = :pk',
            ExpressionAttributeValues: { ':pk': RESPONSES },
            ScanIndexForward: false,
            ConsistentRead: true,
            Limit: limit,
            ...(start ? { ExclusiveStartKey: start } : {}),
          }),
        );
        const items = (Items ?? []).flatMap((item): SecurityResponse[] => {
          const row = securityResponse.safeParse(item);
          if (row.success) return [row.data];
          unreadable(String(item.sk), row.error);
          return [];
        });
        return { items, cursor: encodeCursor(LastEvaluatedKey) };
      });
    },
  };
}

export function dynamoRestrictions(table: string): Restrictions {
  return {
    async of(subject, now) {
      const { Items } = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': restrictionsOf(subject) },
          ConsistentRead: true,
        }),
      );
      const inForce = new Map<ResponseKind, string>();
      for (const { sk, ends_at: endsAt } of Items ?? []) {
        const kind = responseKind.parse(String(sk).split('#')[0]);
        const end = String(endsAt);
        if (end > now.toISOString() && end > (inForce.get(kind) ?? '')) inForce.set(kind, end);
      }
      return inForce;
    },
  };
}

export function dynamoAdminAddresses(table: string): AdminAddresses {
  const keyOf = (address: string) => ({ pk: `admin-address#${address}`, sk: '-' });
  return {
    async note(address, now) {
      const item = { ...keyOf(address), seen_at: now.toISOString(), expires_at_seconds: inSeconds(now.getTime() + DAY_MS) };
      await documents.send(new PutCommand({ TableName: table, Item: item }));
    },
    async has(address, now) {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: keyOf(address), ConsistentRead: true }));
      return Item !== undefined && now.getTime() - Date.parse(String(Item.seen_at)) < DAY_MS;
    },
  };
}

const RESETS = 'limit-resets';

export const dynamoLimitResets = (tables: { readonly security: string; readonly audit: string }): LimitResetStore => ({
  async create(reset, record) {
    const row = createOnly(tables.security, 'pk', { pk: RESETS, sk: reset.reset_id, ...reset });
    const written = await transact([row, appendAudit(tables.audit, record)]);
    if (written.outcome === 'refused') throw new Error(`reset ${reset.reset_id} exists already`);
  },
});
