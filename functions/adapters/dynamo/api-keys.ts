import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type ApiKeyRecord, apiKeyRecord, apiKeyUsage } from '../../contracts/api-key.ts';
import { keyNetworkOf, networkUse } from '../../core/identity/key-networks.ts';
import { isWatched } from '../../core/identity/key-rotation.ts';
import type { ApiKeyStore, KeyUsageStore } from '../../core/identity/keys.ts';
import { appendAudit, changeOf, createOnly, transact } from './changes.ts';
import { documents } from './client.ts';
import { encodeCursor, readFrom } from './cursor.ts';

/** `key_…` ids do not clash with those of users, and say in a policy whose rows they are. */
const rowKey = (keyId: string) => ({ identity_id: keyId });
const WATCHED = 'watched';
const listOf = (ownerId: string): string => `keys of ${ownerId}`;

export function dynamoApiKeys(tables: { readonly identity: string; readonly audit?: string }): ApiKeyStore {
  const { identity: table } = tables;
  const auditTable = tables.audit ?? '';
  const toItem = (key: ApiKeyRecord) => ({
    ...rowKey(key.key_id),
    listed_under: listOf(key.owner_id),
    ...(isWatched(key) ? { rotation_watch: WATCHED } : {}),
    ...key,
  });
  return {
    async get(keyId) {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: rowKey(keyId), ConsistentRead: true }));
      return Item ? apiKeyRecord.parse(Item) : null;
    },

    async create(key, record) {
      const written = await transact([createOnly(table, 'identity_id', toItem(key)), appendAudit(auditTable, record)]);
      if (written.outcome === 'refused') throw new Error(`key ${key.key_id} exists already`);
    },

    async save(before, after, record) {
      const change = changeOf(table, rowKey(before.key_id), toItem(before), toItem(after));
      return (await transact([change, appendAudit(auditTable, record)])).outcome === 'written' ? 'saved' : 'conflict';
    },

    async replace(before, after, record, successor) {
      const written = await transact([
        changeOf(table, rowKey(before.key_id), toItem(before), toItem(after)),
        appendAudit(auditTable, record),
        createOnly(table, 'identity_id', toItem(successor.key)),
        appendAudit(auditTable, successor.record),
      ]);
      return written.outcome === 'written' ? 'saved' : 'conflict';
    },

    async listOf(ownerId, limit, cursor) {
      return await readFrom(cursor, async (start) => {
        const { Items, LastEvaluatedKey } = await documents.send(
          new QueryCommand({
            TableName: table,
            IndexName: 'by_list',
            KeyConditionExpression: 'listed_under = :list',
            ExpressionAttributeValues: { ':list': listOf(ownerId) },
            Limit: limit,
            ...(start ? { ExclusiveStartKey: start } : {}),
          }),
        );
        return { items: (Items ?? []).map((item) => apiKeyRecord.parse(item)), cursor: encodeCursor(LastEvaluatedKey) };
      });
    },

    async dueForRotation(by, limit) {
      const { Items } = await documents.send(
        new QueryCommand({
          TableName: table,
          IndexName: 'by_rotation',
          KeyConditionExpression: 'rotation_watch = :watched AND rotation_due_at <= :by',
          ExpressionAttributeValues: { ':watched': WATCHED, ':by': by.toISOString() },
          Limit: limit,
        }),
      );
      return (Items ?? []).map((item) => apiKeyRecord.parse(item));
    },
  };
}

const usageKey = (keyId: string) => ({ pk: `key-usage#${keyId}`, sk: '-' });
const NOTED_EVERY_MS = 60_000;
/** Nobody's answer waits longer for it. */
const NOTE_MS = 500;
const KEPT_SECONDS = 400 * 24 * 3600;

/** An attribute for each network, with the time of its last note: one write adds to them and shows what was there before. */
const SEEN_IN = 'seen in ';
const seenIn = (network: string): string => `${SEEN_IN}${network}`;
const networksOf = (item: Record<string, unknown>): Map<string, string> =>
  new Map(
    Object.entries(item).flatMap(([name, at]) => (name.startsWith(SEEN_IN) ? [[name.slice(SEEN_IN.length), String(at)]] : [])),
  );

/** Beside the identity table: whoever may only note a use must not be able to write a key. */
export function dynamoKeyUsage(ephemeraTable: string): KeyUsageStore {
  async function forgetNetworks(keyId: string, networks: readonly string[]): Promise<void> {
    await documents.send(
      new UpdateCommand({
        TableName: ephemeraTable,
        Key: usageKey(keyId),
        UpdateExpression: `REMOVE ${networks.map((_, index) => `#network${index}`).join(', ')}`,
        ExpressionAttributeNames: Object.fromEntries(networks.map((network, index) => [`#network${index}`, seenIn(network)])),
      }),
      { abortSignal: AbortSignal.timeout(NOTE_MS) },
    );
  }

  return {
    async note(keyId, address, now) {
      const network = keyNetworkOf(address);
      try {
        const { Attributes } = await documents.send(
          new UpdateCommand({
            TableName: ephemeraTable,
            Key: usageKey(keyId),
            UpdateExpression:
              'SET last_used_at = :now, last_used_address = :address, expires_at_seconds = :expires, #network = :now ADD minutes_used :one',
            ConditionExpression: 'attribute_not_exists(last_used_at) OR last_used_at < :before OR attribute_not_exists(#network)',
            ExpressionAttributeNames: { '#network': seenIn(network) },
            ExpressionAttributeValues: {
              ':now': now.toISOString(),
              ':before': new Date(now.getTime() - NOTED_EVERY_MS).toISOString(),
              ':address': address,
              ':one': 1,
              ':expires': Math.floor(now.getTime() / 1000) + KEPT_SECONDS,
            },
            ReturnValues: 'ALL_OLD',
          }),
          { abortSignal: AbortSignal.timeout(NOTE_MS) },
        );
        const { isNew, forget } = networkUse(networksOf(Attributes ?? {}), network);
        if (forget.length > 0) await forgetNetworks(keyId, forget);
        return isNew ? 'new_network' : 'noted';
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return 'noted';
        throw error;
      }
    },

    async of(keyIds) {
      const found = await Promise.all(
        keyIds.map(async (keyId) => {
          const { Item } = await documents.send(new GetCommand({ TableName: ephemeraTable, Key: usageKey(keyId) }));
          return Item ? ([[keyId, apiKeyUsage.parse(Item)]] as const) : [];
        }),
      );
      return new Map(found.flat());
    },
  };
}
