import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  GetCommand,
  PutCommand,
  paginateQuery,
  QueryCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { permission } from '../../contracts/identity.ts';
import type { Actor } from '../../core/identity/actor.ts';
import type { LiveStore, Subscription } from '../../core/live/ports.ts';
import { sha256 } from '../../core/text/json.ts';
import { documents } from './client.ts';

const names = z.array(z.string());
const ofSession = { session_id: z.string(), issued_at: z.string(), second_factor: z.boolean() };
const actor = z.object({
  user_id: z.string(),
  email: z.string(),
  roles: names,
  teams: names,
  trusted_agent: z.boolean(),
  owner_id: z.string().nullable().default(null),
  permissions: z.array(permission),
  credential: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('token'), token_id: z.string(), ...ofSession }),
    z.object({ kind: z.literal('session'), ...ofSession, limited_to: z.string().exactOptional() }),
    z.object({
      kind: z.literal('api_key'),
      key_id: z.string(),
      resources: z.object({ environments: names.optional(), labels: names.optional(), teams: names.optional() }),
    }),
  ]),
});
const subscriptionRow = z.object({ sk: z.string(), cursor: z.int() });

/** A WebSocket lives two hours at most; what belongs to it is forgotten soon after. */
const CONNECTION_SECONDS = 2 * 3600 + 600;
/** A sender that died in the middle blocks the next one no longer than this. */
export const SEND_MS = 20_000;

const inSeconds = (now: Date, seconds: number): number => Math.floor(now.getTime() / 1000) + seconds;
const userKey = (userId: string, connectionId: string) => ({ pk: `connections-of#${userId}`, sk: connectionId });
const TOPIC = 'topic#';
const topicKey = (topic: string, connectionId: string) => ({ pk: `topic#${topic}`, sk: connectionId });

export function dynamoLive(table: string): LiveStore {
  const succeeds = async (input: Omit<UpdateCommandInput, 'TableName'>): Promise<boolean> => {
    try {
      await documents.send(new UpdateCommand({ TableName: table, ...input }));
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  };
  const ticketKey = (ticket: string) => ({ pk: `live-ticket#${sha256(ticket)}`, sk: '-' });

  return {
    async putTicket(ticket, holder, expiresAt) {
      const expires = { expires_at: expiresAt.toISOString(), expires_at_seconds: Math.floor(expiresAt.getTime() / 1000) + 60 };
      await documents.send(new PutCommand({ TableName: table, Item: { ...ticketKey(ticket), ...holder, ...expires } }));
    },

    async takeTicket(ticket, clientId, now) {
      const { Attributes } = await documents.send(
        new DeleteCommand({ TableName: table, Key: ticketKey(ticket), ReturnValues: 'ALL_OLD' }),
      );
      if (!Attributes || Attributes.client_id !== clientId || String(Attributes.expires_at) < now.toISOString()) return null;
      return actor.parse(Attributes.actor);
    },

    async connect(connectionId, holder: Actor, now) {
      const item = {
        pk: `connection#${connectionId}`,
        sk: '-',
        actor: holder,
        expires_at_seconds: inSeconds(now, CONNECTION_SECONDS),
      };
      // First where it is found when rights are taken away.
      const listed = { ...userKey(holder.user_id, connectionId), expires_at_seconds: item.expires_at_seconds };
      await documents.send(new PutCommand({ TableName: table, Item: listed }));
      await documents.send(new PutCommand({ TableName: table, Item: item }));
    },

    async connectionsOf(userId) {
      const { Items } = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': userKey(userId, '').pk },
          ConsistentRead: true,
        }),
      );
      return (Items ?? []).map(({ sk }) => String(sk));
    },

    async actorOf(connectionId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: table, Key: { pk: `connection#${connectionId}`, sk: '-' }, ConsistentRead: true }),
      );
      return Item ? actor.parse(Item.actor) : null;
    },

    async disconnect(connectionId) {
      const { Items } = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': `connection#${connectionId}` },
        }),
      );
      for (const { pk, sk, actor: holder } of Items ?? []) {
        if (sk === '-') {
          await documents.send(new DeleteCommand({ TableName: table, Key: userKey(actor.parse(holder).user_id, connectionId) }));
        }
        if (typeof sk === 'string' && sk.startsWith('topic#')) {
          await documents.send(new DeleteCommand({ TableName: table, Key: { pk: sk, sk: connectionId } }));
        }
        await documents.send(new DeleteCommand({ TableName: table, Key: { pk, sk } }));
      }
    },

    async subscribe(topic, connectionId, after, now) {
      const expires = inSeconds(now, CONNECTION_SECONDS);
      const link = { pk: `connection#${connectionId}`, sk: `topic#${topic}`, expires_at_seconds: expires };
      await documents.send(new PutCommand({ TableName: table, Item: link }));
      const item = { ...topicKey(topic, connectionId), cursor: after, wanted: after, expires_at_seconds: expires };
      await documents.send(new PutCommand({ TableName: table, Item: item }));
    },

    async unsubscribe(topic, connectionId) {
      await documents.send(new DeleteCommand({ TableName: table, Key: topicKey(topic, connectionId) }));
      await documents.send(
        new DeleteCommand({ TableName: table, Key: { pk: `connection#${connectionId}`, sk: `topic#${topic}` } }),
      );
    },

    async topicsOf(connectionId) {
      const { Items } = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :topic)',
          ExpressionAttributeValues: { ':pk': `connection#${connectionId}`, ':topic': TOPIC },
          ConsistentRead: true,
        }),
      );
      return (Items ?? []).map(({ sk }) => String(sk).slice(TOPIC.length));
    },

    async subscribers(topic) {
      const pages = paginateQuery(
        { client: documents },
        {
          TableName: table,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': `topic#${topic}` },
          ConsistentRead: true,
        },
      );
      const found: Subscription[] = [];
      for await (const { Items = [] } of pages)
        found.push(...Items.map((item) => subscriptionRow.parse(item)).map(({ sk, cursor }) => ({ connection_id: sk, cursor })));
      return found;
    },

    async subscription(topic, connectionId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: table, Key: topicKey(topic, connectionId), ConsistentRead: true }),
      );
      return Item ? { connection_id: connectionId, cursor: subscriptionRow.parse(Item).cursor } : null;
    },

    beginSend: (topic, connectionId, from, now) =>
      succeeds({
        Key: topicKey(topic, connectionId),
        UpdateExpression: 'SET sending_until = :until',
        // It stands where the sender thinks, and nobody else is sending.
        ConditionExpression: '#cursor = :from AND (attribute_not_exists(sending_until) OR sending_until < :now)',
        ExpressionAttributeNames: { '#cursor': 'cursor' },
        ExpressionAttributeValues: { ':from': from, ':now': now.getTime(), ':until': now.getTime() + SEND_MS },
      }),

    async noteMore(topic, connectionId, seq) {
      await succeeds({
        Key: topicKey(topic, connectionId),
        UpdateExpression: 'SET wanted = :seq',
        ConditionExpression: 'attribute_exists(pk) AND wanted < :seq',
        ExpressionAttributeValues: { ':seq': seq },
      });
    },

    async endSend(topic, connectionId, from, sent) {
      try {
        const { Attributes } = await documents.send(
          new UpdateCommand({
            TableName: table,
            Key: topicKey(topic, connectionId),
            UpdateExpression: 'SET #cursor = :sent REMOVE sending_until',
            ConditionExpression: '#cursor = :from',
            ExpressionAttributeNames: { '#cursor': 'cursor' },
            ExpressionAttributeValues: { ':sent': sent, ':from': from },
            ReturnValues: 'ALL_NEW',
          }),
        );
        return Number(Attributes?.wanted ?? 0) > Number(Attributes?.cursor ?? 0);
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
  };
}
