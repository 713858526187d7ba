import { GetCommand, QueryCommand, type QueryCommandOutput } from '@aws-sdk/lib-dynamodb';
import { type AuditItem, type AuditRecord, auditItem, auditRecord } from '../../contracts/audit.ts';
import type { AuditReader } from '../../core/audit/anchor.ts';
import type { AuditLog } from '../../core/audit/read.ts';
import type { AuditItems } from '../../core/audit/verify.ts';
import { documents } from './client.ts';
import { CursorInvalid, encodeCursor, readFrom } from './cursor.ts';
import type { Unreadable } from './security.ts';

type Item = Record<string, unknown>;
const HOUR_MS = 3600_000;
/** Rows looked at for one page before it is returned short. */
const MAX_READS = 40;

/**
 * Records as everybody may rely on them. What is none is told of and left out: one that somebody spoilt must not hide the others. The
 * verification reads the table as it is, and names each.
 */
export function dynamoAudit(table: string, unreadable: Unreadable): AuditReader & AuditLog {
  const items = dynamoAuditItems(table);
  const read = (item: Item): AuditRecord[] => {
    const record = auditRecord.safeParse(item);
    if (record.success) return [record.data];
    unreadable(`${item.entity_id} ${item.sequence}`, record.error);
    return [];
  };
  return {
    async *ofHour(hour) {
      for await (const item of items.ofHour(hour)) yield* read(item);
    },

    async *ofEntity(entityId) {
      for await (const item of items.ofEntity(entityId)) yield* read(item);
    },

    async list(filter, limit, cursor) {
      return await readFrom(cursor, async ({ at_hour: standing, ...key } = {}) => {
        const newest = hourStart(filter.to);
        const oldest = hourStart(filter.from);
        let at = typeof standing === 'string' ? Date.parse(`${standing}:00:00.000Z`) : newest;
        if (Number.isNaN(at)) throw new CursorInvalid('the cursor names no hour');
        let start: Item | undefined = Object.keys(key).length > 0 ? key : undefined;
        const records: AuditRecord[] = [];
        for (let reads = 0; at >= oldest; reads += 1) {
          const hour = new Date(at).toISOString().slice(0, 13);
          if (records.length >= limit || reads >= MAX_READS) {
            return { items: records, cursor: encodeCursor({ ...start, at_hour: hour }) };
          }
          const page = await queryHour(table, hour, {
            ScanIndexForward: false,
            Limit: limit - records.length,
            KeyConditionExpression: '#hour = :hour AND #at BETWEEN :from AND :to',
            ExpressionAttributeNames: { '#hour': 'hour', '#at': 'at' },
            ExpressionAttributeValues: { ':hour': hour, ':from': timeOf(filter.from), ':to': timeOf(filter.to) },
            ...(start ? { ExclusiveStartKey: start } : {}),
          });
          records.push(...(page.Items ?? []).flatMap(read).filter((record) => matches(record, filter)));
          start = page.LastEvaluatedKey;
          if (!start) at -= HOUR_MS;
        }
        return { items: records, cursor: null };
      });
    },
  };
}

/** The same table, as it is. */
export function dynamoAuditItems(table: string): AuditItems {
  return {
    ofHour: (hour) => everyItem((start) => queryHour(table, hour, start)),

    ofEntity: (entityId) =>
      everyItem((start) =>
        documents.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression: 'entity_id = :id',
            ExpressionAttributeValues: { ':id': entityId },
            ConsistentRead: true,
            ...start,
          }),
        ),
      ),

    async get(entityId, sequence) {
      const Key = { entity_id: entityId, sequence };
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }));
      return Item ? auditItem.parse(Item) : null;
    },
  };
}

const queryHour = (table: string, hour: string, more: object) =>
  documents.send(
    new QueryCommand({
      TableName: table,
      IndexName: 'by_hour',
      KeyConditionExpression: '#hour = :hour',
      ExpressionAttributeNames: { '#hour': 'hour' },
      ExpressionAttributeValues: { ':hour': hour },
      ...more,
    }),
  );

async function* everyItem(
  query: (start: { ExclusiveStartKey?: Item }) => Promise<QueryCommandOutput>,
): AsyncGenerator<AuditItem> {
  let last: Item | undefined;
  do {
    const page = await query(last ? { ExclusiveStartKey: last } : {});
    yield* (page.Items ?? []).map((item) => auditItem.parse(item));
    last = page.LastEvaluatedKey;
  } while (last);
}

/** As records have it, whatever zone it was written in. */
const timeOf = (at: string): string => new Date(at).toISOString();

const hourStart = (at: string): number => Math.floor(Date.parse(at) / HOUR_MS) * HOUR_MS;

const matches = (
  { actor, action, entity_id: entity }: AuditRecord,
  filter: { actor?: string | undefined; action?: string | undefined; entity_id?: string | undefined },
): boolean =>
  (filter.actor === undefined || actor === filter.actor) &&
  (filter.action === undefined || action === filter.action) &&
  (filter.entity_id === undefined || entity === filter.entity_id);
