/** A person as a trusted agent, whose runs need no approver: an attribute of the identity's row, which an admin would give. */
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { Client } from './airlock.ts';
import { output, tables } from './faults.ts';

/** Makes the person trusted; the function it gives puts back what was there before. */
export async function trust(person: Client): Promise<() => Promise<void>> {
  const key = {
    TableName: output('IdentityTableName'),
    Key: { identity_id: `user#${subjectOf(person.token)}` },
  };
  const { Item } = await tables.send(new GetCommand({ ...key, ConsistentRead: true }));
  const before: unknown = Item?.trusted_agent;
  await tables.send(
    new UpdateCommand({ ...key, UpdateExpression: 'SET trusted_agent = :value', ExpressionAttributeValues: { ':value': true } }),
  );
  return async () => {
    await tables.send(
      before === undefined
        ? new UpdateCommand({ ...key, UpdateExpression: 'REMOVE trusted_agent' })
        : new UpdateCommand({
            ...key,
            UpdateExpression: 'SET trusted_agent = :value',
            ExpressionAttributeValues: { ':value': before },
          }),
    );
  };
}

function subjectOf(token: string): string {
  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  if (claims !== null && typeof claims === 'object' && 'sub' in claims && typeof claims.sub === 'string') return claims.sub;
  throw new Error('the access token names no subject');
}
