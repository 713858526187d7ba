import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { auditRecord } from '../../contracts/audit.ts';
import { type Execution, execution as executionSchema } from '../../contracts/execution.ts';
import type { ExecutionFilter, ExecutionStore, IdempotencyKey } from '../../core/execution/ports.ts';
import type { Visible } from '../../core/identity/authorize.ts';
import type { Page } from '../../core/page.ts';
import { appendAudit, changeOf, createOnly, transact } from './changes.ts';
import { documents } from './client.ts';
import { CursorInvalid, encodeCursor, readFrom } from './cursor.ts';

interface Tables {
  readonly executions: string;
  readonly audit: string;
  readonly ephemera?: string;
}

const IDEMPOTENCY_HOURS = 24;
const keyOf = ({ user_id, key }: IdempotencyKey) => ({ pk: `idempotency#${user_id}#${key}`, sk: '-' });

export function dynamoExecutions(tables: Tables): ExecutionStore {
  return {
    async get(executionId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: tables.executions, Key: { execution_id: executionId }, ConsistentRead: true }),
      );
      return Item ? fromItem(Item) : null;
    },

    async create(execution, record, key) {
      const row = createOnly(
        tables.executions,
        'execution_id',
        toItem({ ...execution, audit_length: record.sequence, audit_head: record.hash }),
      );
      const items = [row, appendAudit(tables.audit, record)];
      if (!key) {
        const written = await transact(items);
        if (written.outcome === 'refused') throw new Error(`execution ${execution.execution_id} exists already`);
        return { outcome: 'created' };
      }
      const expires = Math.floor(Date.parse(execution.created_at) / 1000) + IDEMPOTENCY_HOURS * 3600;
      const item = {
        ...keyOf(key),
        request_hash: key.request_hash,
        execution_id: execution.execution_id,
        expires_at_seconds: expires,
      };
      const written = await transact([createOnly(tables.ephemera ?? '', 'pk', item), ...items]);
      if (written.outcome === 'written') return { outcome: 'created' };
      return (await this.findRepeat(key)) ?? { outcome: 'key_used_otherwise' };
    },

    async findRepeat(key) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: tables.ephemera, Key: keyOf(key), ConsistentRead: true }),
      );
      if (!Item) return null;
      if (Item.request_hash !== key.request_hash) return { outcome: 'key_used_otherwise' };
      return { outcome: 'repeated', execution_id: String(Item.execution_id) };
    },

    async save(before, after, record) {
      const key = { execution_id: before.execution_id };
      const change = changeOf(tables.executions, key, { ...toItem(before), audit_length: before.audit_length }, toItem(after));
      return (await transact([change, appendAudit(tables.audit, record)])).outcome === 'written' ? 'saved' : 'conflict';
    },

    async checkpoint(executionId, attempt, { phase, last_seq, output_offset }) {
      try {
        await documents.send(
          new UpdateCommand({
            TableName: tables.executions,
            Key: { execution_id: executionId },
            UpdateExpression:
              'SET phase = :phase, open_phase = :phase, last_seq = :seq, output_offset = :offset, updated_at = :now',
            ConditionExpression: `attempt = :mine AND phase IN (:running, :collecting)`,
            ExpressionAttributeValues: {
              ':seq': last_seq,
              ':offset': output_offset,
              ':phase': phase,
              ':now': new Date().toISOString(),
              ':mine': attempt,
              ':running': 'running',
              ':collecting': 'collecting',
            },
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async *everyOpen(phase, unreadable) {
      let last: Record<string, unknown> | undefined;
      do {
        const page = await documents.send(
          new QueryCommand({
            TableName: tables.executions,
            IndexName: 'by_phase',
            KeyConditionExpression: 'open_phase = :phase',
            ExpressionAttributeValues: { ':phase': phase },
            ...(last ? { ExclusiveStartKey: last } : {}),
          }),
        );
        for (const item of page.Items ?? []) {
          const row = executionSchema.safeParse(item);
          if (row.success) yield row.data;
          else unreadable?.(String(item.execution_id), row.error);
        }
        last = page.LastEvaluatedKey;
      } while (last);
    },

    async countOpen(requesterId, most) {
      const { Count } = await documents.send(
        new QueryCommand({
          TableName: tables.executions,
          IndexName: 'by_open_requester',
          KeyConditionExpression: 'open_requester_id = :requester',
          ExpressionAttributeValues: { ':requester': requesterId },
          Select: 'COUNT',
          Limit: most,
        }),
      );
      return Count ?? 0;
    },

    list: (filter, limit, cursor) =>
      filter.requester_id === undefined
        ? listAll(tables.executions, filter, limit, cursor)
        : listOfRequester(tables.executions, filter, limit, cursor),

    async auditTrail(executionId) {
      const { Items } = await documents.send(
        new QueryCommand({
          TableName: tables.audit,
          KeyConditionExpression: 'entity_id = :id',
          ExpressionAttributeValues: { ':id': executionId },
          ConsistentRead: true,
        }),
      );
      return (Items ?? []).map((item) => auditRecord.parse(item));
    },
  };
}

/** The attributes beside the entity's own are keys of the indexes. */
function toItem(row: Execution): Record<string, unknown> {
  return {
    ...row,
    requester_id: row.requester.user_id,
    list_month: monthOf(row.created_at),
    ...(row.phase === 'done' ? {} : { open_phase: row.phase, open_requester_id: row.requester.user_id }),
  };
}

const fromItem = (item: Record<string, unknown>): Execution => executionSchema.parse(item);

const monthOf = (timestamp: string): string => timestamp.slice(0, 7);

const inOrder = (a: string, b: string): [string, string] => (a < b ? [a, b] : [b, a]);
const MOST_MONTHS = 24;
/** Rows looked at for one page before it is returned short: a filter that matches little must not read the whole table. */
const MAX_READS = 10;

async function listOfRequester(
  table: string,
  filter: ExecutionFilter,
  limit: number,
  cursor: string | null,
): Promise<Page<Execution>> {
  const partition = { index: 'by_requester', name: 'requester_id', value: filter.requester_id ?? '' };
  return await readFrom(cursor, async (start) => {
    const { items, last } = await readPartition(table, partition, filter, limit, start);
    return { items, cursor: encodeCursor(last) };
  });
}

/** Everybody's, newest month first; the cursor carries the month it stands in. */
async function listAll(table: string, filter: ExecutionFilter, limit: number, cursor: string | null): Promise<Page<Execution>> {
  return await readFrom(cursor, async ({ at_month: standing, ...key } = {}) => {
    const newest = monthOf(new Date().toISOString());
    const asked = typeof standing === 'string' ? standing : monthOf(filter.created_before ?? newest);
    if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(asked)) throw new CursorInvalid('the cursor names no month');
    let month = inOrder(asked, newest)[0];
    // Rows stay a year; nobody makes this walk through centuries.
    const furthest = monthsBefore(month, MOST_MONTHS);
    const after = monthOf(filter.created_after ?? monthsBefore(month, 12));
    const oldest = inOrder(after, furthest)[1];
    let start = Object.keys(key).length > 0 ? key : undefined;
    const items: Execution[] = [];
    while (month >= oldest) {
      const read = await readPartition(
        table,
        { index: 'by_month', name: 'list_month', value: month },
        filter,
        limit - items.length,
        start,
      );
      items.push(...read.items);
      if (read.last) return { items, cursor: encodeCursor({ ...read.last, at_month: month }) };
      month = monthsBefore(month, 1);
      start = undefined;
      if (items.length >= limit) return { items, cursor: month >= oldest ? encodeCursor({ at_month: month }) : null };
    }
    return { items, cursor: null };
  });
}

async function readPartition(
  table: string,
  partition: { index: string; name: string; value: string },
  filter: ExecutionFilter,
  limit: number,
  start: Record<string, string | number> | undefined,
): Promise<{ items: Execution[]; last: Record<string, unknown> | null }> {
  const { expression, names, values } = filterExpression(filter);
  const items: Execution[] = [];
  let last: Record<string, unknown> | undefined = start;
  for (let reads = 0; reads < MAX_READS && items.length < limit; reads += 1) {
    const page = await documents.send(
      new QueryCommand({
        TableName: table,
        IndexName: partition.index,
        KeyConditionExpression: '#partition = :partition',
        ExpressionAttributeNames: { '#partition': partition.name, ...names },
        ExpressionAttributeValues: { ':partition': partition.value, ...values },
        ...(expression ? { FilterExpression: expression } : {}),
        ScanIndexForward: false,
        Limit: expression ? 100 : limit - items.length,
        ...(last ? { ExclusiveStartKey: last } : {}),
      }),
    );
    const rows = (page.Items ?? []).map((item) => ({ item, row: fromItem(item) }));
    const room = limit - items.length;
    if (rows.length > room) {
      const cut = rows[room - 1];
      items.push(...rows.slice(0, room).map(({ row }) => row));
      const sameKey = cut && { execution_id: cut.row.execution_id, [partition.name]: partition.value };
      return { items, last: sameKey ?? null };
    }
    items.push(...rows.map(({ row }) => row));
    last = page.LastEvaluatedKey;
    if (!last) return { items, last: null };
  }
  return { items, last: last ?? null };
}

function filterExpression(filter: ExecutionFilter) {
  const clauses: string[] = [];
  const names: Record<string, string> = {};
  const values: Record<string, string> = {};
  const compare = (name: 'status' | 'language' | 'label', value: string | undefined) => {
    if (value === undefined) return;
    names[`#${name}`] = name;
    values[`:${name}`] = value;
    clauses.push(`#${name} = :${name}`);
  };
  compare('status', filter.status);
  compare('language', filter.language);
  compare('label', filter.label);
  if (filter.visible) addVisible(filter.visible, clauses, values);
  if (filter.created_after) {
    values[':after'] = new Date(filter.created_after).toISOString();
    clauses.push('created_at > :after');
  }
  if (filter.created_before) {
    values[':before'] = new Date(filter.created_before).toISOString();
    clauses.push('created_at < :before');
  }
  return { expression: clauses.join(' AND '), names, values };
}

/** What `authorize` answers for each row, as one expression; both are held together by a contract test. */
function addVisible(visible: Visible, clauses: string[], values: Record<string, string>): void {
  const anyOf = (name: string, allowed: readonly string[], prefix: string): string => {
    const placeholders = allowed.map((value, index) => {
      values[`:${prefix}${index}`] = value;
      return `:${prefix}${index}`;
    });
    return placeholders.length > 0 ? `${name} IN (${placeholders.join(', ')})` : NOTHING;
  };
  if (visible.owner_id !== null) {
    values[':owner'] = visible.owner_id;
    clauses.push('requester_id = :owner');
  } else if (visible.teams !== null) {
    values[':reader'] = visible.reader_id;
    clauses.push(`(attribute_not_exists(team) OR requester_id = :reader OR ${anyOf('team', visible.teams, 'team')})`);
  }
  if (visible.environments) clauses.push(anyOf('environment', visible.environments, 'environment'));
  if (visible.labels) clauses.push(anyOf('label', visible.labels, 'visible_label'));
  if (visible.only_teams) clauses.push(anyOf('team', visible.only_teams, 'only_team'));
}

/** Holds for no row. */
const NOTHING = 'attribute_not_exists(execution_id)';

function monthsBefore(month: string, count: number): string {
  const date = new Date(`${month}-01T00:00:00Z`);
  date.setUTCMonth(date.getUTCMonth() - count);
  return date.toISOString().slice(0, 7);
}
