import { QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type SecurityEvent, securityEvent } from '../../contracts/security-event.ts';
import { dayOf } from '../../core/security/events.ts';
import type { SecurityEventStore } from '../../core/security/ports.ts';
import { documents } from './client.ts';
import { CursorInvalid, encodeCursor, readFrom } from './cursor.ts';
import type { Unreadable } from './security.ts';

type Item = Record<string, unknown>;

const DAY_MS = 24 * 3600_000;
const KEPT_MS = 366 * DAY_MS;
const MINUTE_MS = 60_000;
const MAX_READS = 40;
/** A partition takes a thousand writes a second, and whoever is refused decides how many there are. */
const SHARDS = 8;
/** Nobody waits longer for an event to be written down. */
const WRITE_MS = 500;

const allShards = Array.from({ length: SHARDS }, (_, shard) => shard);
const partitionOf = (day: string, shard: number): string => `events#${day}#${shard}`;
/** The id ends in a digest, so its last digit spreads events evenly, and the same event always lies in the same place. */
const shardOf = (eventId: string): number => Number.parseInt(eventId.slice(-1), 16) % SHARDS;

interface Range {
  /** Ids from this one on, and before that one. */
  readonly from: string;
  readonly before: string;
}
/** Ids begin with the time in hexadecimal digits, of one length, and are told apart after it. */
const idAt = (milliseconds: number): string => `sev_${milliseconds.toString(16).padStart(12, '0')}`;

export function dynamoSecurityEvents(table: string, unreadable: Unreadable): SecurityEventStore {
  const queryShard = async (day: string, shard: number, { from, before }: Range, more: object) => {
    const { Items, LastEvaluatedKey } = await documents.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :before',
        ExpressionAttributeValues: { ':pk': partitionOf(day, shard), ':from': from, ':before': before },
        ...more,
      }),
    );
    return { ids: (Items ?? []).map(({ sk }) => String(sk)), items: Items ?? [], last: LastEvaluatedKey };
  };

  const read = ({ sk, ...item }: Item): SecurityEvent[] => {
    const row = securityEvent.safeParse({ ...item, event_id: sk });
    if (row.success) return [row.data];
    unreadable(String(sk), row.error);
    return [];
  };

  /** The newest of a day before an id, of all shards in one order, as far as every shard was read. */
  async function newestOf(day: string, range: Range, limit: number): Promise<{ items: Item[]; next: string | null }> {
    const { before } = range;
    const pages = await Promise.all(
      allShards.map((shard) => queryShard(day, shard, range, { ScanIndexForward: false, Limit: limit + 1 })),
    );
    // An end of BETWEEN counts itself.
    const found = pages.flatMap(({ items }) => items).filter(({ sk }) => String(sk) < before);
    const readTo =
      pages
        .flatMap(({ ids, last }) => (last ? [ids.at(-1) ?? before] : []))
        .sort()
        .at(-1) ?? '';
    const sure = found.filter(({ sk }) => String(sk) >= readTo).sort((a, b) => (String(a.sk) < String(b.sk) ? 1 : -1));
    const items = sure.slice(0, limit);
    const isAll = readTo === '' && items.length === sure.length;
    return { items, next: isAll ? null : String(items.at(-1)?.sk ?? readTo) };
  }

  return {
    async add({ event_id, count, ...event }) {
      const entries = Object.entries(event);
      const { Attributes } = await documents.send(
        new UpdateCommand({
          TableName: table,
          Key: { pk: partitionOf(dayOf(event.timestamp), shardOf(event_id)), sk: event_id },
          UpdateExpression: `SET ${entries.map(([name]) => `#${name} = if_not_exists(#${name}, :${name})`).join(', ')}, expires_at_seconds = :expires ADD #count :count`,
          ExpressionAttributeNames: { ...Object.fromEntries(entries.map(([name]) => [`#${name}`, name])), '#count': 'count' },
          ExpressionAttributeValues: {
            ...Object.fromEntries(entries.map(([name, value]) => [`:${name}`, value])),
            ':expires': Math.ceil((Date.parse(event.timestamp) + KEPT_MS) / 1000),
            ':count': count,
          },
          ReturnValues: 'UPDATED_NEW',
        }),
        { abortSignal: AbortSignal.timeout(WRITE_MS) },
      );
      return Attributes?.count === count;
    },

    async list(filter, limit, cursor) {
      return await readFrom(cursor, async ({ on_day: standing, before: given, ...unknown } = {}) => {
        const oldest = Date.parse(dayOf(new Date(filter.from).toISOString()));
        let at = Date.parse(typeof standing === 'string' ? standing : dayOf(new Date(filter.to).toISOString()));
        if (Number.isNaN(at) || Object.keys(unknown).length > 0) throw new CursorInvalid('the cursor names no day');
        const firstId = idAt(Math.max(0, Date.parse(filter.from) - MINUTE_MS));
        const lastId = idAt(Date.parse(filter.to) + 1);
        let before = typeof given === 'string' ? given : lastId;
        const events: SecurityEvent[] = [];
        for (let reads = 0; at >= oldest; reads += 1) {
          const day = dayOf(new Date(at).toISOString());
          if (events.length >= limit || reads >= MAX_READS)
            return { items: events, cursor: encodeCursor({ on_day: day, before }) };
          const page = await newestOf(day, { from: firstId, before }, limit - events.length);
          events.push(...page.items.flatMap(read).filter((event) => matches(event, filter)));
          before = page.next ?? lastId;
          if (page.next === null) at -= DAY_MS;
        }
        return { items: events, cursor: null };
      });
    },

    async *since(from, to) {
      const range = { from: idAt(from.getTime()), before: idAt(to.getTime() + 1) };
      for (let at = Date.parse(dayOf(from.toISOString())); at <= to.getTime(); at += DAY_MS) {
        for (const shard of allShards) {
          let last: Item | undefined;
          do {
            const page = await queryShard(
              dayOf(new Date(at).toISOString()),
              shard,
              range,
              last ? { ExclusiveStartKey: last } : {},
            );
            yield* page.items.flatMap(read);
            last = page.last;
          } while (last);
        }
      }
    },
  };
}

const matches = (event: SecurityEvent, filter: Parameters<SecurityEventStore['list']>[0]): boolean =>
  Date.parse(event.timestamp) <= Date.parse(filter.to) &&
  // An event of a minute began before some of what it counts.
  Date.parse(event.timestamp) + MINUTE_MS >= Date.parse(filter.from) &&
  (filter.event_type === undefined || event.event_type === filter.event_type) &&
  (filter.severity === undefined || event.severity === filter.severity) &&
  (filter.user_id === undefined || event.user_id === filter.user_id) &&
  (filter.source_ip === undefined || event.source_ip === filter.source_ip);
