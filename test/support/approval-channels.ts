/** The ways in which a person decides, each as somebody uses it who may, who may not, and who comes too late. */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { expect } from 'vitest';
import { as, type Client, signInAs, userOf } from './airlock.ts';
import { output, tables } from './faults.ts';
import { ask, formOf, origin, signedIn } from './pages.ts';
import { newUser } from './people.ts';
import type { Waiting } from './waiting.ts';

export interface Approver {
  readonly email: string;
  readonly password: string;
  readonly client: Client;
  readonly cookie: string;
}

export interface Channel {
  readonly name: string;
  /** What somebody has open before something happens, and sends after it. */
  readonly open: (by: Approver, request: Waiting) => Promise<void>;
  /** Answers with the status a program would get; `refused` where the channel says it in words. */
  readonly decide: (
    by: Approver,
    request: Waiting,
    wanted?: { digest?: string; decision?: 'approve' | 'deny' },
  ) => Promise<number | 'refused'>;
}

export const api: Channel = {
  name: 'the API',
  open: async () => {},
  decide: async ({ client }, request, { digest = request.digest, decision = 'approve' } = {}) =>
    (await client.call('POST', `/api/v1${request.path}/decision`, { decision, digest })).status,
};

const opened = new Map<string, Record<string, string>[]>();
export const page: Channel = {
  name: 'the page',
  async open({ email, cookie }, { path }) {
    const form = await formOf(`${path}?all=1`, cookie);
    expect(form.nonce).not.toBe('');
    opened.set(`${email} ${path}`, [...(opened.get(`${email} ${path}`) ?? []), form]);
  },
  async decide({ email, cookie }, request, { digest = request.digest, decision = 'approve' } = {}) {
    const form = opened.get(`${email} ${request.path}`)?.shift() ?? (await formOf(`${request.path}?all=1`, cookie));
    const { status, headers } = await ask('POST', `${request.path}/decision`, { cookie, origin }, { ...form, decision, digest });
    if (status !== 303) return status;
    return headers.get('location')?.startsWith('/sign-in') ? 401 : 200;
  },
};

/** Somebody new who may decide. */
export async function approver(roles: string | string[] = 'approver'): Promise<Approver> {
  const user = await newUser(roles);
  return { ...user, client: await signInAs(user.email, user.password), cookie: await signedIn(user) };
}

export async function seeded(role: 'admin' | 'approver' | 'developer' | 'viewer'): Promise<Approver> {
  const { email, password } = userOf(role);
  return { email, password, client: await as(role), cookie: await signedIn({ email, password }) };
}

/** A request of another kind than the configuration of the instance makes. */
export const rewrite = (request: Waiting, name: string, value: unknown): Promise<unknown> =>
  tables.send(
    new UpdateCommand({
      TableName: output('ApprovalsTableName'),
      Key: { approval_id: request.approval_id },
      UpdateExpression: 'SET #name = :value',
      ExpressionAttributeNames: { '#name': name },
      ExpressionAttributeValues: { ':value': value },
    }),
  );
