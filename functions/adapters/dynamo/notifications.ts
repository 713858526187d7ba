import {
  GetCommand,
  PutCommand,
  paginateQuery,
  QueryCommand,
  type QueryCommandInput,
  type QueryCommandOutput,
} from '@aws-sdk/lib-dynamodb';
import { type Delivery, delivery as deliverySchema, notificationPreferences } from '../../contracts/notification.ts';
import type { DeliveryStore, PreferenceStore, ToldOn } from '../../core/notification/ports.ts';
import { type TransactItem, transact } from './changes.ts';
import { documents } from './client.ts';
import type { Unreadable } from './security.ts';

const QUEUE = 'messages';
const PREFERENCES = 'preferences';
const PAGE_ROWS = 500;

/** `unreadable` is told of a row that cannot be read; it keeps no other message back. */
export function dynamoDeliveries(table: string, unreadable: Unreadable, pageRows = PAGE_ROWS): DeliveryStore {
  const read = (items: readonly Record<string, unknown>[]): Delivery[] =>
    items.flatMap((item) => {
      const row = deliverySchema.safeParse(item);
      if (row.success) return [row.data];
      unreadable(String(item.item), row.error);
      return [];
    });

  const written = async (items: TransactItem[]): Promise<boolean> => (await transact(items)).outcome === 'written';

  const createOnly = (row: Delivery): TransactItem => ({
    Put: { TableName: table, Item: itemOf(row), ConditionExpression: 'attribute_not_exists(subject)' },
  });

  /** Each claim counts one more attempt, and so no two states of a row have the same status and number. */
  const unlessChanged = (before: Delivery, after: Delivery): TransactItem => ({
    Put: {
      TableName: table,
      Item: itemOf(after),
      ConditionExpression: '#status = :status AND attempts = :attempts',
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':status': before.status, ':attempts': before.attempts },
    },
  });

  return {
    create: (row) => written([createOnly(row)]),

    async get(deliveryId) {
      const Key = { subject: approvalIdOf(deliveryId), item: deliveryId };
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }));
      return Item ? deliverySchema.parse(Item) : null;
    },

    save: (before, after) => written([unlessChanged(before, after)]),

    async handOver(before, after, next) {
      if (await written([unlessChanged(before, after), createOnly(next)])) return true;
      // Whoever else was told by that channel already needs no second message: this one still gives up.
      return written([unlessChanged(before, after)]);
    },

    async listDue(now, limit) {
      const { Items } = await documents.send(
        new QueryCommand({
          TableName: table,
          IndexName: 'by_due',
          KeyConditionExpression: 'queue = :queue AND due_at <= :now',
          ExpressionAttributeValues: { ':queue': QUEUE, ':now': now.toISOString() },
          Limit: limit,
        }),
      );
      return read(Items ?? []);
    },

    async listOf(approvalId) {
      const rows: Delivery[] = [];
      let start: QueryCommandInput['ExclusiveStartKey'];
      do {
        const { Items, LastEvaluatedKey }: QueryCommandOutput = await documents.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression: 'subject = :subject',
            ExpressionAttributeValues: { ':subject': approvalId },
            ConsistentRead: true,
            Limit: pageRows,
            ...(start ? { ExclusiveStartKey: start } : {}),
          }),
        );
        rows.push(...read(Items ?? []));
        start = LastEvaluatedKey;
      } while (start);
      return rows;
    },

    async countOn(day, most) {
      const told = new Map<string, ToldOn>();
      let messages = 0;
      const pages = paginateQuery(
        { client: documents },
        {
          TableName: table,
          IndexName: 'by_day',
          KeyConditionExpression: 'told_on = :day',
          ExpressionAttributeValues: { ':day': day },
        },
      );
      for await (const { Items = [] } of pages) {
        for (const { told_to } of Items) {
          if (messages === most) return { told: [...told.values()], complete: false };
          messages += 1;
          const [user_id = '', email = ''] = String(told_to).split(SEPARATOR);
          const before = told.get(user_id)?.messages ?? 0;
          told.set(user_id, { person: { user_id, email }, messages: before + 1 });
        }
      }
      return { told: [...told.values()], complete: true };
    },
  };
}

export function dynamoPreferences(table: string): PreferenceStore {
  const keyOf = (userId: string) => ({ subject: `person#${userId}`, item: PREFERENCES });
  return {
    async get(userId) {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: keyOf(userId), ConsistentRead: true }));
      return Item ? notificationPreferences.parse(Item.preferences) : null;
    },
    async put(userId, preferences) {
      await documents.send(new PutCommand({ TableName: table, Item: { ...keyOf(userId), preferences } }));
    },
  };
}

const itemOf = (row: Delivery) => ({
  subject: row.approval_id,
  item: row.delivery_id,
  ...row,
  ...('due_at' in row ? { queue: QUEUE } : {}),
  ...toldOf(row),
});

/** Neither has one in it. */
const SEPARATOR = ' ';

/** A message that was changed where it lies tells nobody anything new. */
function toldOf(row: Delivery): { readonly told_on: string; readonly told_to: string } | Record<string, never> {
  if (row.status !== 'sent' || row.updates !== null || row.recipient.kind !== 'person') return {};
  const { user_id, email } = row.recipient;
  return { told_on: row.ended_at.slice(0, 10), told_to: `${user_id}${SEPARATOR}${email}` };
}

/** A message's id begins with that of its request. */
const approvalIdOf = (deliveryId: string): string => deliveryId.replace(/^dlv_([0-9a-f-]{36}).*$/, 'apr_$1');
