import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import type { AuditRecord } from '../../contracts/audit.ts';
import { ADMIN_ROLE, type IdentityRecord, identityRecord } from '../../contracts/identity.ts';
import type { IdentityStore } from '../../core/identity/ports.ts';
import { appendAudit, changeOf, type TransactItem, transact } from './changes.ts';
import { documents } from './client.ts';
import { encodeCursor, readFrom } from './cursor.ts';

/** A row of before an attribute existed reads as if nobody had set it. */
const row = identityRecord.extend({
  email: identityRecord.shape.email.default(''),
  roles: identityRecord.shape.roles.default([]),
  teams: identityRecord.shape.teams.default([]),
  trusted_agent: identityRecord.shape.trusted_agent.default(false),
  owner_id: identityRecord.shape.owner_id.default(null),
  disabled: identityRecord.shape.disabled.default(false),
  valid_after: identityRecord.shape.valid_after.default(null),
  ended_sessions: identityRecord.shape.ended_sessions.default([]),
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

    async rememberSignIn({ user_id, email, roles }) {
      const { Attributes } = await documents.send(
        new UpdateCommand({
          TableName: table,
          Key: userKey(user_id),
          // A row begins with an empty chain: the first change compares with it.
          UpdateExpression:
            'SET user_id = :id, email = :email, #roles = :roles, listed_under = :users, audit_length = if_not_exists(audit_length, :none), audit_head = if_not_exists(audit_head, :empty)',
          ExpressionAttributeNames: { '#roles': 'roles' },
          ExpressionAttributeValues: {
            ':id': user_id,
            ':email': email,
            ':roles': [...roles].sort(),
            ':users': LISTED_UNDER,
            ':none': 0,
            ':empty': '',
          },
          ReturnValues: 'ALL_NEW',
        }),
      );
      const now = row.parse(Attributes);
      // Adding what is there, and taking out what is not, changes nothing.
      await documents.send(new UpdateCommand(adminsUpdate(table, now)));
      return now;
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
