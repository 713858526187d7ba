/** What is secret, or somebody's code, is in no log: every way in is tried with words that occur nowhere else. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { AuditRecord } from '../../functions/contracts/audit.ts';
import type { Challenge } from '../../functions/contracts/sign-in.ts';
import { allEvents, as, call, finished, get, run, status, submit, until } from '../support/airlock.ts';
import { ask, fieldOf, signedIn } from '../support/pages.ts';
import { newUser, somebody } from '../support/people.ts';
import { totp } from '../support/totp.ts';

const canary = (name: string): string => `canary-${name}-${randomUUID()}`;

/** Every file the instance writes for people to read, but the state of its stores. */
function* logFiles(directory = status.logs_dir): Generator<string> {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) yield* logFiles(path);
    else yield path;
  }
}

interface LogAnswer {
  readonly logGroups?: { logGroupName: string }[];
  readonly events?: { message: string }[];
  readonly nextToken?: string;
}

/** The emulator's CloudWatch, in its own protocol: one more SDK client for three calls is not worth it. */
async function askLogs(action: string, request: object): Promise<LogAnswer> {
  const answer = await fetch(status.emulator_url, {
    method: 'POST',
    headers: {
      'x-amz-target': `Logs_20140328.${action}`,
      'content-type': 'application/x-amz-json-1.1',
      authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=x',
    },
    body: JSON.stringify(request),
  });
  return (await answer.json()) as LogAnswer;
}

/** What functions, state machines and APIs logged since then. */
async function serviceLogs(startTime: number): Promise<string> {
  const lines: string[] = [];
  for (let groups: LogAnswer | undefined; groups === undefined || groups.nextToken; ) {
    const page: LogAnswer = await askLogs('DescribeLogGroups', {
      ...(groups?.nextToken ? { nextToken: groups.nextToken } : {}),
    });
    groups = page;
    for (const { logGroupName } of page.logGroups ?? []) {
      let nextToken: string | undefined;
      do {
        const events = await askLogs('FilterLogEvents', { logGroupName, startTime, ...(nextToken ? { nextToken } : {}) });
        lines.push(...(events.events ?? []).map(({ message }) => message));
        nextToken = events.nextToken;
      } while (nextToken);
    }
  }
  return lines.join('\n');
}

it('code, input, output, passwords, tokens, keys and headers are in no log, and in no record of the audit', async () => {
  const startedAt = Date.now();
  const secrets: Record<string, string> = {};
  const plant = (name: string): string => {
    secrets[name] = canary(name);
    return secrets[name];
  };
  const developer = await as('developer');

  const { execution_id: id } = await run({
    language: 'python',
    // What came in goes out again, so that it is known to have been there.
    code: [
      `import os, sys  # ${plant('code')}`,
      `print("${plant('output')}", sys.argv[1], os.environ["SECRET"], open("data.txt").read(), sys.stdin.read())`,
      `print("${plant('error-output')}", file=sys.stderr)`,
      `open("output/a.txt", "w").write("${plant('artifact')}")`,
    ].join('\n'),
    input_data: { secret: plant('input') },
    files: [{ path: 'data.txt', content: plant('file') }],
    env: { SECRET: plant('variable') },
    args: [plant('argument')],
    context: { note: plant('context') },
  });
  const { output, files_created, approval_id } = await finished(id);
  for (const name of ['output', 'argument', 'variable', 'file', 'input']) expect(output, name).toContain(secrets[name]);
  const errors = (await allEvents(id)).flatMap((event) => (event.type === 'stderr' ? [event.text] : []));
  expect(errors.join('')).toContain(secrets['error-output']);
  const file = await developer.call<{ url: string }>('GET', `/api/v1/executions/${id}/files/${files_created[0]?.file_id}`);
  expect(await (await fetch(file.body.url)).text()).toBe(secrets.artifact);
  const shown = JSON.stringify((await (await as('approver')).call('GET', `/api/v1/approvals/${approval_id}`)).body);
  for (const name of ['code', 'context']) expect(shown, name).toContain(secrets[name]);
  const failed = await run({ language: 'nodejs', code: `throw new Error("${plant('exception')}")` });

  // Each came as far as it could: the answer says so.
  const took = async (expected: number, answer: Promise<{ status: number }>) => expect((await answer).status).toBe(expected);
  const header = (name: string, value: string) => call('GET', '/api/v1/me', undefined, { [name]: value });
  await took(401, call('POST', '/api/v1/auth/login', { email: 'nobody@airlock.test', password: plant('password') }));
  await took(400, call('POST', '/api/v1/auth/login', `{"email":"x@y.z","password":"${plant('password-in-broken-json')}"`));
  await took(401, call('POST', '/api/v1/auth/refresh', { refresh_token: `alr_${randomUUID()}_${'x'.repeat(86)}` }));
  await took(401, call('POST', '/api/v1/auth/challenge', { challenge_id: 'x'.repeat(43), new_password: plant('new-password') }));
  await took(401, header('authorization', `Bearer ${plant('bearer')}`));
  await took(401, header('x-api-key', plant('api-key-header')));
  await took(401, header('cookie', `airlock_session=${plant('cookie')}`));
  await took(200, developer.call('GET', '/api/v1/me', undefined, { 'x-custom': plant('header') }));
  await took(200, developer.call('GET', `/api/v1/executions?label=${plant('query')}`));
  const program = { language: 'python', code: 'print(1)' };
  await took(422, developer.call('POST', '/api/v1/execute', { ...program, nonsense: plant('unknown-field') }));
  await took(400, developer.call('POST', '/api/v1/execute', `{"language":"python","code":"${plant('broken-body')}"`));
  const callback = `/api/v1/auth/callback?code=${plant('sign-in-code')}&state=${plant('sign-in-state')}`;
  expect((await fetch(`${status.url}${callback}`, { redirect: 'manual' })).status).toBeGreaterThanOrEqual(400);
  const pressed = await fetch(`${status.url}/api/v1/slack/interactions`, {
    method: 'POST',
    headers: { 'x-slack-signature': `v0=${plant('signature')}`, 'x-slack-request-timestamp': `${Math.floor(Date.now() / 1000)}` },
    body: new URLSearchParams({ payload: plant('payload') }),
  });
  expect(pressed.status).toBeGreaterThanOrEqual(400);

  const person = await somebody('developer');
  const made = await person.call<{ key: string }>('POST', '/api/v1/api-keys', { name: 'logs' });
  await took(200, header('authorization', `Bearer ${made.body.key}`));
  const session = await signedIn(person);
  await took(200, header('cookie', session));
  const page = await ask('GET', '/approvals', { cookie: session });
  Object.assign(secrets, {
    'access token': person.token.split('.')[2] ?? '',
    'refresh token': person.refreshToken.slice(-43),
    'API key': made.body.key.slice(-72),
    'password of a real person': person.password,
    'cookie of a page': session.split('=')[1] ?? '',
    'token of a page': fieldOf(page.text, 'csrf_token'),
  });
  const operator = await newUser('operator');
  const { body: challenge } = await call<Challenge>('POST', '/api/v1/auth/login', operator);
  Object.assign(secrets, { 'secret of an app': challenge.secret, 'name of a challenge': challenge.challenge_id });
  await took(
    200,
    call('POST', '/api/v1/auth/challenge', { challenge_id: challenge.challenge_id, code: totp(challenge.secret ?? '') }),
  );
  const ticket = await person.call<{ ticket: string }>('POST', '/api/v1/ws/tickets', { client_id: 'client-logs' });
  await fetch(`${status.url}/api/v1/ws/client-logs?ticket=${ticket.body.ticket}`).catch(() => {});
  secrets['live ticket'] = ticket.body.ticket;
  secrets['personal link'] = canary('link').slice(0, 43);
  const link = '/approvals/apr_01900000-0000-7000-8000-000000000000/link';
  await fetch(`${status.url}${link}?token=${secrets['personal link']}`, { redirect: 'manual' });
  for (const name of ['airlock_link', 'airlock_visit'])
    await fetch(`${status.url}${link}`, { headers: { cookie: `${name}=${secrets['personal link']}` }, redirect: 'manual' });

  // The search finds what is logged by intent: ids are.
  const known = await submit({ language: 'python', code: 'print(1)' });
  const byFunctions = await until('lines about known ids', async () => {
    const lines = await serviceLogs(startedAt);
    return lines.includes(`"user_id":"${person.user_id}"`) && lines.includes(known.execution_id) && lines;
  });
  const files = [...logFiles()].map((file) => [file, readFileSync(file, 'latin1')] as const);
  for (const [name, word] of Object.entries(secrets)) {
    expect(word.length, name).toBeGreaterThan(15);
    expect(byFunctions.includes(word), `${name} is in a function's log`).toBe(false);
    for (const [file, text] of files) expect(text.includes(word), `${name} is in ${file}`).toBe(false);
  }

  const admin = await as('admin');
  for (const entity of [id, failed.execution_id, `user#${person.user_id}`]) {
    const { body } = await admin.call<{ records: AuditRecord[] }>('GET', `/api/v1/audit?entity_id=${encodeURIComponent(entity)}`);
    for (const [name, word] of Object.entries(secrets)) expect(JSON.stringify(body), name).not.toContain(word);
  }
  expect((await get(id)).output).toContain(secrets.output);
});
