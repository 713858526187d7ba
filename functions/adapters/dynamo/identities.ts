import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import type { IdentityRecord, IdentityStore } from '../../core/identity/ports.ts';
import { documents } from './client.ts';

const row = z.object({
  user_id: z.string(),
  email: z.string().default(''),
  trusted_agent: z.boolean().default(false),
  disabled: z.boolean().default(false),
});

const userKey = (userId: string) => ({ identity_id: `user#${userId}` });

export function dynamoIdentities(table: string): IdentityStore {
  return {
    async get(userId): Promise<IdentityRecord | null> {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: userKey(userId), ConsistentRead: true }));
      return Item ? row.parse(Item) : null;
    },
    async rememberSignIn(userId, email) {
      const { Attributes } = await documents.send(
        new UpdateCommand({
          TableName: table,
          Key: userKey(userId),
          UpdateExpression: 'SET user_id = :id, email = :email',
          ExpressionAttributeValues: { ':id': userId, ':email': email },
          ReturnValues: 'ALL_NEW',
        }),
      );
      return row.parse(Attributes);
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
