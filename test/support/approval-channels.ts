/** The ways in which a person decides, each as somebody uses it who may, who may not, and who comes too late. */
import { createHash, randomBytes } from 'node:crypto';
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { expect } from 'vitest';
import type { PersonalLink } from '../../functions/contracts/approval-link.ts';
import { as, type Client, signInAs, userOf } from './airlock.ts';
import { output, tables } from './faults.ts';
import { ask, fieldOf, formOf, origin, type PageAnswer, signedIn } from './pages.ts';
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

/** A link as mails have it, for anybody: whoever may not decide would never be sent one. */
async function linkFor({ client }: Approver, { approval_id, digest, path }: Waiting): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  const [now, until] = [new Date(), new Date(Date.now() + 3600_000)];
  const link: PersonalLink = {
    ...{ approval_id: String(approval_id), user_id: client.user_id, digests: [digest], channel: 'email' },
    ...{ created_at: now.toISOString(), expires_at: until.toISOString() },
  };
  const pk = `personal-link#${createHash('sha256').update(token).digest('hex')}`;
  const Item = { pk, sk: '-', ...link, expires_at_seconds: Math.ceil(until.getTime() / 1000) };
  await tables.send(new PutCommand({ TableName: output('EphemeraTableName'), Item }));
  return `${path}/link?token=${token}`;
}

const cookieIn = ({ headers }: PageAnswer, name: string): string =>
  (headers.getSetCookie().find((cookie) => cookie.startsWith(`${name}=`)) ?? '').split(';')[0] ?? '';

/** Follows a link of theirs and presses its button; empty where there is none to press. */
async function visiting(by: Approver, request: Waiting): Promise<string> {
  const cookie = cookieIn(await ask('GET', await linkFor(by, request)), 'airlock_link');
  const { text } = await ask('GET', `${request.path}/link`, { cookie });
  const nonce = fieldOf(text, 'nonce');
  if (nonce === '') return '';
  return cookieIn(await ask('POST', `${request.path}/link`, { cookie, origin }, { nonce }), 'airlock_visit');
}

const visits = new Map<string, { cookie: string; forms: Record<string, string>[] }>();
async function visitOf(by: Approver, request: Waiting) {
  const key = `${by.client.user_id} ${request.path}`;
  const visit = visits.get(key) ?? { cookie: await visiting(by, request), forms: [] };
  // Whoever was not let in may be later.
  if (visit.cookie !== '') visits.set(key, visit);
  return visit;
}
export const mailLink: Channel = {
  name: 'the link in a mail',
  async open(by, request) {
    const { cookie, forms } = await visitOf(by, request);
    const form = await formOf(`${request.path}?all=1`, cookie);
    expect(form.nonce).not.toBe('');
    forms.push(form);
  },
  async decide(by, request, { digest = request.digest, decision = 'approve' } = {}) {
    const { cookie, forms } = await visitOf(by, request);
    if (cookie === '') return 'refused';
    const form = forms.shift() ?? (await formOf(`${request.path}?all=1`, cookie));
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
