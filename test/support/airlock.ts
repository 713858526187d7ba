/** The product as its users have it: the API on the running test instance's one origin. */
import { readFileSync } from 'node:fs';
import { decodeJwt } from 'jose';
import type { ApprovalView } from '../../functions/contracts/approval.ts';
import type { Problem } from '../../functions/contracts/errors.ts';
import type { ExecuteRequest, ExecutionResult } from '../../functions/contracts/execution.ts';
import type { RunEvent } from '../../functions/contracts/sandbox-protocol.ts';

interface Status {
  readonly instance: string;
  readonly logs_dir: string;
  readonly url: string;
  readonly ws_url: string;
  readonly users: readonly { role: string; email: string; password: string }[];
  readonly emulator_url: string;
  readonly valkey_url: string;
  readonly inbox_url: string;
  readonly sandbox_network: string;
  readonly parts: Readonly<Record<string, { readonly pid?: number }>>;
  readonly outputs: Readonly<Record<string, string>>;
}

function readStatus(): Status {
  const file = process.env.AIRLOCK_TEST_STATUS;
  if (!file)
    throw new Error(
      'These tests need a running instance: use npm test, or set AIRLOCK_TEST_STATUS to a file with `npm run --silent local -- status --json`.',
    );
  return JSON.parse(readFileSync(file, 'utf8'));
}

export const status = readStatus();
export type Role = 'admin' | 'developer' | 'approver' | 'viewer';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface Client {
  call<T = unknown>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
  readonly token: string;
  readonly user_id: string;
}

const CALL_MS = 120_000;

export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  origin = status.url,
): Promise<Answer<T>> {
  const raw = typeof body === 'string' || body instanceof Uint8Array;
  const answer = await fetch(`${origin}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(CALL_MS),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: (text === '' ? null : JSON.parse(text)) as T };
}

const signedIn = new Map<Role, Promise<Client>>();

export function as(role: Role): Promise<Client> {
  const known = signedIn.get(role);
  if (known) return known;
  const client = signIn(role);
  signedIn.set(role, client);
  return client;
}

export function userOf(role: Role): Status['users'][number] {
  const user = status.users.find((candidate) => candidate.role === role);
  if (!user) throw new Error(`the instance has no ${role}`);
  return user;
}

export async function signIn(role: Role): Promise<Client> {
  const user = userOf(role);
  return await signInAs(user.email, user.password);
}

export async function signInAs(email: string, password: string): Promise<Client> {
  const tokenNow = async (): Promise<string> => {
    const answer = await call<{ access_token: string }>('POST', '/api/v1/auth/login', { email, password });
    if (answer.status !== 200)
      throw new Error(`signing in as ${email} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body.access_token;
  };
  return clientOf(await tokenNow(), tokenNow);
}

const RENEWED_BEFORE_SECONDS = 180;

/** Whoever holds this access token, or this API key; one that lasts longer than a token does signs in again in time. */
export function clientOf(token: string, renew?: () => Promise<string>): Client {
  const claims = token.startsWith('alk_') ? {} : decodeJwt(token);
  let current = { token, until: (claims.exp ?? Number.POSITIVE_INFINITY) - RENEWED_BEFORE_SECONDS };
  return {
    token,
    user_id: claims.sub ?? '',
    call: async (method, path, body, headers) => {
      if (renew && Date.now() / 1000 > current.until) {
        const next = await renew();
        current = { token: next, until: (decodeJwt(next).exp ?? 0) - RENEWED_BEFORE_SECONDS };
      }
      return await call(method, path, body, { authorization: `Bearer ${current.token}`, ...headers });
    },
  };
}

export type Submission = Partial<ExecuteRequest> & { language: ExecuteRequest['language']; code: string };

export async function submit(request: Submission, headers: Record<string, string> = {}): Promise<ExecutionResult> {
  const developer = await as('developer');
  const answer = await developer.call<ExecutionResult>('POST', '/api/v1/execute', request, headers);
  if (answer.status !== 202 && answer.status !== 200)
    throw new Error(`submitting answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

export async function approvalOf(execution: { approval_id: string | null }): Promise<ApprovalView> {
  const approver = await as('approver');
  const answer = await approver.call<ApprovalView>('GET', `/api/v1/approvals/${execution.approval_id}`);
  if (answer.status !== 200) throw new Error(`the approval answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

export async function approve(execution: { approval_id: string | null; digest: string }): Promise<void> {
  const approver = await as('approver');
  const path = `/api/v1/approvals/${execution.approval_id}`;
  // The machine opens the request, which on a busy one may be after the submission was answered.
  await until(`the request ${path}`, async () => (await approver.call('GET', path)).status !== 404);
  const answer = await approver.call('POST', `${path}/decision`, { decision: 'approve', digest: execution.digest });
  if (answer.status !== 200) throw new Error(`approving answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

/** Submits, has the approver agree, and waits for the end. */
export async function run(request: Submission): Promise<ExecutionResult> {
  const execution = await submit(request);
  await approve(execution);
  return await finished(execution.execution_id);
}

export async function get(executionId: string): Promise<ExecutionResult> {
  const developer = await as('developer');
  return (await developer.call<ExecutionResult>('GET', `/api/v1/executions/${executionId}`)).body;
}

export async function until<T>(what: string, look: () => Promise<T | null | undefined | false>, withinMs = 150_000): Promise<T> {
  const end = Date.now() + withinMs;
  while (Date.now() < end) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited ${withinMs} ms for: ${what}`);
}

type Phase = ExecutionResult['phase'];

export const inPhase = (executionId: string, phase: Phase | readonly Phase[], withinMs?: number): Promise<ExecutionResult> =>
  until(
    `phase ${phase} of ${executionId}`,
    async () => {
      const execution = await get(executionId);
      return [phase].flat().includes(execution.phase) && execution;
    },
    withinMs,
  );

export const finished = (executionId: string, withinMs?: number): Promise<ExecutionResult> =>
  inPhase(executionId, 'done', withinMs);

export interface EventsAnswer {
  readonly events: RunEvent[];
  readonly last_seq: number;
  readonly phase: ExecutionResult['phase'];
  readonly status: ExecutionResult['status'];
  readonly complete: boolean;
}

/** Every event of an execution, as a client gets them by long polling to the end. */
export async function allEvents(executionId: string): Promise<RunEvent[]> {
  const developer = await as('developer');
  const events: RunEvent[] = [];
  for (let after = 0; ; ) {
    const { body } = await developer.call<EventsAnswer>('GET', `/api/v1/executions/${executionId}/events?after=${after}&wait=20`);
    events.push(...body.events);
    after = body.last_seq;
    if (body.complete) return events;
  }
}

export const textOf = (events: readonly RunEvent[], type: 'stdout' | 'stderr'): string =>
  events.map((event) => (event.type === type ? event.text : '')).join('');

export const problemOf = (answer: Answer<unknown>): Problem => answer.body as Problem;
