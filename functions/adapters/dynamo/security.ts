import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import {
  type ResponseKind,
  responseKind,
  type SecurityEvent,
  type SecurityResponse,
  securityEvent,
  securityResponse,
} from '../../contracts/security-event.ts';
import { dayOf } from '../../core/security/events.ts';
import type { AdminAddresses, Restrictions, SecurityEventStore, SecurityResponseStore } from '../../core/security/ports.ts';
import { subjectName } from '../../core/security/responses.ts';
import { appendAudit, changeOf, createOnly, transact } from './changes.ts';
import { documents } from './client.ts';
import { CursorInvalid, decodeCursor, encodeCursor } from './cursor.ts';

type Item = Record<string, unknown>;

const DAY_MS = 24 * 3600_000;
const KEPT_MS = 366 * DAY_MS;
const MAX_READS = 40;
const eventsOf = (day: string): string => `events#${day}`;
const RESPONSES = 'responses';
const restrictionsOf = (subject: string): string => `restrictions#${subject}`;
const inSeconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000);

export function dynamoSecurityEvents(table: string): SecurityEventStore {
  const queryDay = (day: string, more: object) =>
    documents.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': eventsOf(day) },
        ...more,
      }),
    );
  const fromItem = ({ sk, ...item }: Item): SecurityEvent => securityEvent.parse({ ...item, event_id: sk });

  return {
    async add({ event_id, count, ...event }) {
      const entries = Object.entries(event);
      const { Attributes } = await documents.send(
        new UpdateCommand({
          TableName: table,
          Key: { pk: eventsOf(dayOf(event.timestamp)), sk: event_id },
          UpdateExpression: `SET ${entries.map(([name]) => `#${name} = if_not_exists(#${name}, :${name})`).join(', ')}, expires_at_seconds = :expires ADD #count :count`,
          ExpressionAttributeNames: { ...Object.fromEntries(entries.map(([name]) => [`#${name}`, name])), '#count': 'count' },
          ExpressionAttributeValues: {
            ...Object.fromEntries(entries.map(([name, value]) => [`:${name}`, value])),
            ':expires': inSeconds(Date.parse(event.timestamp) + KEPT_MS),
            ':count': count,
          },
          ReturnValues: 'UPDATED_NEW',
        }),
      );
      return Attributes?.count === count;
    },

    async list(filter, limit, cursor) {
      const { on_day: standing, ...key } = decodeCursor(cursor) ?? {};
      const oldest = Date.parse(dayOf(new Date(filter.from).toISOString()));
      let at = Date.parse(typeof standing === 'string' ? standing : dayOf(new Date(filter.to).toISOString()));
      if (Number.isNaN(at)) throw new CursorInvalid('the cursor names no day');
      let start: Item | undefined = Object.keys(key).length > 0 ? key : undefined;
      const events: SecurityEvent[] = [];
      for (let reads = 0; at >= oldest; reads += 1) {
        const day = dayOf(new Date(at).toISOString());
        if (events.length >= limit || reads >= MAX_READS)
          return { items: events, cursor: encodeCursor({ ...start, on_day: day }) };
        const page = await queryDay(day, {
          ScanIndexForward: false,
          Limit: limit - events.length,
          ...(start ? { ExclusiveStartKey: start } : {}),
        });
        events.push(...(page.Items ?? []).map(fromItem).filter((event) => matches(event, filter)));
        start = page.LastEvaluatedKey;
        if (!start) at -= DAY_MS;
      }
      return { items: events, cursor: null };
    },

    async *since(from, to) {
      for (let at = Date.parse(dayOf(from.toISOString())); at <= to.getTime(); at += DAY_MS) {
        let last: Item | undefined;
        do {
          const page = await queryDay(dayOf(new Date(at).toISOString()), last ? { ExclusiveStartKey: last } : {});
          yield* (page.Items ?? [])
            .map(fromItem)
            .filter(({ timestamp }) => Date.parse(timestamp) >= from.getTime() && Date.parse(timestamp) <= to.getTime());
          last = page.LastEvaluatedKey;
        } while (last);
      }
    },
  };
}

const matches = (event: SecurityEvent, filter: Parameters<SecurityEventStore['list']>[0]): boolean =>
  Date.parse(event.timestamp) <= Date.parse(filter.to) &&
  // An event of a minute began before some of what it counts.
  Date.parse(event.timestamp) + 60_000 >= Date.parse(filter.from) &&
  (filter.event_type === undefined || event.event_type === filter.event_type) &&
  (filter.severity === undefined || event.severity === filter.severity) &&
  (filter.user_id === undefined || event.user_id === filter.user_id) &&
  (filter.source_ip === undefined || event.source_ip === filter.source_ip);

export function dynamoSecurityResponses(tables: { readonly security: string; readonly audit: string }): SecurityResponseStore {
  const table = tables.security;
  const keyOf = (responseId: string) => ({ pk: RESPONSES, sk: responseId });
  const fromItem = (item: Item): SecurityResponse => securityResponse.parse(item);
  const restriction = ({ subject, kind, ends_at: endsAt, response_id: id }: SecurityResponse) => ({
    TableName: table,
    Key: { pk: restrictionsOf(subjectName(subject)), sk: kind },
    values: { ':ends': endsAt, ':response': id, ':expires': inSeconds(Date.parse(endsAt)) },
  });

  return {
    async get(responseId) {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: keyOf(responseId), ConsistentRead: true }));
      return Item ? fromItem(Item) : null;
    },

    async create(response, record) {
      const { TableName, Key, values } = restriction(response);
      const written = await transact([
        createOnly(table, 'pk', { ...keyOf(response.response_id), ...response }),
        {
          Update: {
            TableName,
            Key,
            UpdateExpression: 'SET ends_at = :ends, response_id = :response, expires_at_seconds = :expires',
            ExpressionAttributeValues: values,
          },
        },
        appendAudit(tables.audit, record),
      ]);
      if (written.outcome === 'refused') throw new Error(`response ${response.response_id} exists already`);
    },

    async reverse(before, after, record) {
      const { TableName, Key } = restriction(before);
      const lift = {
        Update: {
          TableName,
          Key,
          UpdateExpression: 'SET ends_at = :now',
          // A later response about the same subject stays in force.
          ConditionExpression: 'response_id = :response',
          ExpressionAttributeValues: { ':now': after.reversed_at, ':response': before.response_id },
        },
      };
      const change = [changeOf(table, keyOf(before.response_id), before, after), appendAudit(tables.audit, record)];
      const written = await transact([...change, lift]);
      if (written.outcome === 'written') return 'saved';
      if (!written.failedItems.includes(2) || written.failedItems.length > 1) return 'conflict';
      return (await transact(change)).outcome === 'written' ? 'saved' : 'conflict';
    },

    async list(limit, cursor) {
      const start = decodeCursor(cursor);
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
      return { items: (Items ?? []).map(fromItem), cursor: encodeCursor(LastEvaluatedKey) };
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
      const inForce = (Items ?? []).flatMap(({ sk, ends_at: endsAt }): [ResponseKind, string][] =>
        String(endsAt) > now.toISOString() ? [[responseKind.parse(sk), String(endsAt)]] : [],
      );
      return new Map(inForce);
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
