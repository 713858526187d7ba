import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  type BatchGetCommandInput,
  type BatchGetCommandOutput,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import type { AuditRecord } from '../../contracts/audit.ts';
import { ADMIN_ROLE, type IdentityRecord, identityRecord } from '../../contracts/identity.ts';
import { openSession } from '../../contracts/sign-in.ts';
import type { HolderStore } from '../../core/identity/current.ts';
import type { IdentityStore } from '../../core/identity/ports.ts';
import { appendAudit, changeOf, type TransactItem, transact } from './changes.ts';
import { documents } from './client.ts';
import { encodeCursor, readFrom } from './cursor.ts';

/** A row of before an attribute existed reads as if nobody had set it. */
const row = identityRecord.extend({
  email: identityRecord.shape.email.default(''),
  pool_username: identityRecord.shape.pool_username.default(null),
  roles: identityRecord.shape.roles.default([]),
  roles_held_until: identityRecord.shape.roles_held_until.default(null),
  teams: identityRecord.shape.teams.default([]),
  trusted_agent: identityRecord.shape.trusted_agent.default(false),
  owner_id: identityRecord.shape.owner_id.default(null),
  disabled: identityRecord.shape.disabled.default(false),
  valid_after: identityRecord.shape.valid_after.default(null),
  audit_length: identityRecord.shape.audit_length.default(0),
  audit_head: identityRecord.shape.audit_head.default(''),
});

const userKey = (userId: string) => ({ identity_id: `user#${userId}` });
/** Ids of the enabled admins, in one item, so that taking the last one out can be refused in the same transaction. */
const ADMINS_KEY = { identity_id: 'admins' };
const adminsRow = z.object({
  user_ids: z
    .set(z.string())
    .default(new Set())
    .transform((ids) => [...ids]),
});
const LISTED_UNDER = 'users';

interface Tables {
  readonly identity: string;
  readonly audit?: string;
}

export function dynamoIdentities(tables: Tables): IdentityStore {
  const { identity: table } = tables;
  return {
    async get(userId): Promise<IdentityRecord | null> {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: userKey(userId), ConsistentRead: true }));
      return Item ? row.parse(Item) : null;
    },

    async create(created, record) {
      const items: TransactItem[] = [{ Update: firstWrite(table, created) }, appendAudit(tables.audit ?? '', record)];
      if (isAdmin(created)) items.push({ Update: adminsUpdate(table, created) });
      return (await transact(items)).outcome === 'written' ? 'saved' : 'conflict';
    },

    async holdRoles(before, until) {
      try {
        await documents.send(
          new UpdateCommand({
            TableName: table,
            Key: userKey(before.user_id),
            UpdateExpression: 'SET roles_held_until = :until',
            // Nobody changed it since it was read.
            ConditionExpression: 'audit_length = :read',
            ExpressionAttributeValues: { ':until': until, ':read': before.audit_length },
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async save(before, after, record: AuditRecord) {
      const items: TransactItem[] = [
        changeOf(table, userKey(before.user_id), before, after),
        appendAudit(tables.audit ?? '', record),
      ];
      if (isAdmin(before) !== isAdmin(after)) items.push({ Update: adminsUpdate(table, after, 'keeps one') });
      const written = await transact(items);
      if (written.outcome === 'written') return 'saved';
      return written.failedItems.includes(2) && !written.failedItems.includes(0) ? 'last_admin' : 'conflict';
    },

    async admins() {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: ADMINS_KEY, ConsistentRead: true }));
      return adminsRow.parse(Item ?? {}).user_ids;
    },

    async list(limit, cursor) {
      return await readFrom(cursor, async (start) => {
        const { Items, LastEvaluatedKey } = await documents.send(
          new QueryCommand({
            TableName: table,
            IndexName: 'by_list',
            KeyConditionExpression: 'listed_under = :users',
            ExpressionAttributeValues: { ':users': LISTED_UNDER },
            Limit: limit,
            ...(start ? { ExclusiveStartKey: start } : {}),
          }),
        );
        return { items: (Items ?? []).map((item) => row.parse(item)), cursor: encodeCursor(LastEvaluatedKey) };
      });
    },
  };
}

/** An update and no put: whoever writes rows of people may not write over one. */
function firstWrite(table: string, created: IdentityRecord) {
  const attributes = Object.entries({ ...created, listed_under: LISTED_UNDER });
  return {
    TableName: table,
    Key: userKey(created.user_id),
    UpdateExpression: `SET ${attributes.map(([name]) => `#${name} = :${name}`).join(', ')}`,
    ConditionExpression: 'attribute_not_exists(identity_id)',
    ExpressionAttributeNames: Object.fromEntries(attributes.map(([name]) => [`#${name}`, name])),
    ExpressionAttributeValues: Object.fromEntries(attributes.map(([name, value]) => [`:${name}`, value])),
  };
}

const isAdmin = (user: IdentityRecord): boolean => user.roles.includes(ADMIN_ROLE) && !user.disabled;

function adminsUpdate(table: string, user: IdentityRecord, guard?: 'keeps one') {
  const leaves = !isAdmin(user);
  return {
    TableName: table,
    Key: ADMINS_KEY,
    UpdateExpression: `${leaves ? 'DELETE' : 'ADD'} user_ids :id`,
    ...(guard && leaves ? { ConditionExpression: 'size(user_ids) > :one' } : {}),
    ExpressionAttributeValues: { ':id': new Set([user.user_id]), ...(guard && leaves ? { ':one': 1 } : {}) },
  };
}

const sessionKey = (sessionId: string) => ({ pk: `session#${sessionId}`, sk: '-' });

const MOST_READS = 3;

/** Both rows in one request: to know the session costs nothing beside knowing its holder. */
export function dynamoHolders(tables: { readonly identity: string; readonly ephemera: string }): HolderStore {
  return {
    async get(userId, sessionId) {
      let wanted: BatchGetCommandInput['RequestItems'] = {
        [tables.identity]: { Keys: [userKey(userId)], ConsistentRead: true },
        [tables.ephemera]: {
          Keys: [sessionKey(sessionId)],
          ConsistentRead: true,
          ProjectionExpression: Object.keys(openSession.shape).join(', '),
        },
      };
      const found: Record<string, unknown> = {};
      for (let reads = 0; reads < MOST_READS; reads += 1) {
        const answer: BatchGetCommandOutput = await documents.send(new BatchGetCommand({ RequestItems: wanted }));
        const { Responses, UnprocessedKeys } = answer;
        for (const [table, items] of Object.entries(Responses ?? {})) found[table] ??= items[0];
        if (Object.keys(UnprocessedKeys ?? {}).length === 0) {
          const identity = found[tables.identity];
          // A row that says less than it must, as those of before did, opens nothing.
          const session = openSession.safeParse(found[tables.ephemera]);
          return { identity: identity ? row.parse(identity) : null, session: session.success ? session.data : null };
        }
        wanted = UnprocessedKeys;
      }
      throw new Error('who holds a session could not be read: too many ask');
    },
  };
}

const JWKS_KEY = { identity_id: 'jwks' };

/** The user pool's verification keys, put where functions inside the VPC can read them. */
export const dynamoJwks = (table: string) => ({
  async get(): Promise<string | null> {
    const { Item } = await documents.send(new GetCommand({ TableName: table, Key: JWKS_KEY }));
    return typeof Item?.jwks === 'string' ? Item.jwks : null;
  },
  async put(jwks: string): Promise<void> {
    await documents.send(new PutCommand({ TableName: table, Item: { ...JWKS_KEY, jwks, updated_at: new Date().toISOString() } }));
  },
});
