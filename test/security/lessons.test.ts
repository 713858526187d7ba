/** Ways in which others were broken into, one test each; docs/security-model.md names them. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ROUTES_OF_FUNCTION } from '../../functions/contracts/routes.ts';
import type { SecurityEvent } from '../../functions/contracts/security-event.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { visibleRow } from '../../functions/core/execution/view.ts';
import { as, call, clientOf, finished, inPhase, problemOf, run, status, submit, until } from '../support/airlock.ts';
import { actorOf, newExecutionId, queuedExecution } from '../support/entities.ts';
import { memoryExecutions } from '../support/memory/stores.ts';
import { ask, signedIn } from '../support/pages.ts';
import { somebody } from '../support/people.ts';
import { countedCalls } from '../support/port-calls.ts';

const routes = Object.values(ROUTES_OF_FUNCTION)
  .flat()
  .filter((route) => !('page' in route));

describe('what others were broken into by does not work here', () => {
  it('sign-in skipped by the end of a path: one that ends like a public one, or is written in another way, is not public', async () => {
    const { body: mine } = { body: await submit({ language: 'python', code: 'print(1)' }) };
    const id = mine.execution_id;
    const paths = [
      `/api/v1/executions/${id}/health`,
      `/api/v1/executions/${id}/api/v1/health`,
      `/api/v1/executions/${id};/api/v1/health`,
      `/api/v1/executions/${id}?x=/api/v1/health`,
      `/api/v1/executions/${id}%2f..%2f..%2fhealth`,
      `/api/v1/health/../executions/${id}`,
      `/api/v1/health/%2e%2e/executions/${id}`,
      `//api/v1/executions/${id}`,
      `/api/v1//executions/${id}`,
      `/API/V1/executions/${id}`,
      `/api/v1/executions/${id}/`,
      `/api/v1/auth/login/../../executions/${id}`,
    ];
    for (const path of paths) {
      const answer = await call('GET', path);
      expect([401, 403, 404, 405], path).toContain(answer.status);
      expect(JSON.stringify(answer.body), path).not.toContain(mine.digest);
    }
  });

  it('another method does not reach what a method guards', async () => {
    const { token } = await as('viewer');
    const { execution_id: id } = await submit({ language: 'python', code: 'print(1)' });
    const overrides = { 'x-http-method-override': 'POST', 'x-method-override': 'POST', authorization: `Bearer ${token}` };
    expect((await call('GET', `/api/v1/executions/${id}/cancel`, undefined, overrides)).status).toBe(404);
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect((await call(method, `/api/v1/executions/${id}/cancel`, undefined, overrides)).status, method).toBeGreaterThanOrEqual(
        401,
      );
    const { approval_id } = await submit({ language: 'python', code: 'print(2)' });
    const approver = await as('approver');
    for (const method of ['GET', 'HEAD', 'PUT']) {
      const answer = await fetch(`${status.url}/api/v1/approvals/${approval_id}/decision?decision=approve`, {
        method,
        headers: { authorization: `Bearer ${approver.token}` },
      });
      expect([404, 405], method).toContain(answer.status);
    }
    expect((await inPhase(id, ['awaiting_approval'])).status).toBe('pending');
  });

  it('a log read by path: an execution and a file go by their ids, and no path is one', async () => {
    const { execution_id: id } = await run({ language: 'python', code: 'open("output/a.txt", "w").write("x")' });
    const developer = await as('developer');
    for (const file of [
      '..%2f..%2fmanifests%2fx',
      '%2e%2e',
      'a.txt',
      'output%2fa.txt',
      '%2fetc%2fpasswd',
      `..%2f${id}%2f1`,
      '%00',
      '*',
    ]) {
      expect((await developer.call('GET', `/api/v1/executions/${id}/files/${file}`)).status, file).toBe(404);
    }
    const { execution_id: mine } = await submit({ language: 'python', code: 'print(1)' });
    const stranger = await somebody('developer');
    for (const name of [`${mine}%2f..%2f${id}`, `..%2f${id}`, `${id}%2f.`, `archive%2f${id}`, `${id}%00`, `${id.toUpperCase()}`])
      for (const reader of [developer, stranger])
        expect((await reader.call('GET', `/api/v1/executions/${name}/events`)).status, name).toBe(404);
  });

  it('two ways in, of which one is checked: no way to a run, its parts or its approval is open to whom the run is not', async () => {
    const word = `word-${randomUUID()}`;
    const code = `# ${word}\nprint("${word}")\nopen("output/a.txt", "w").write("${word}")`;
    const { execution_id: id, approval_id } = await run({ language: 'python', code });
    const owner = await as('developer');
    const stranger = await somebody('developer');
    const { files_created: files } = await finished(id);
    const ways = [
      ...[`/api/v1/executions/${id}`, `/api/v1/executions/${id}/events`, `/api/v1/executions/${id}/files/${files[0]?.file_id}`],
      `/api/v1/approvals/${approval_id}`,
    ];
    for (const way of ways) {
      expect((await owner.call('GET', way)).status, way).toBeLessThan(400);
      expect((await stranger.call('GET', way)).status, way).toBe(404);
    }
    const others = [`/api/v1/approvals/${approval_id}/notifications`, '/api/v1/executions', '/api/v1/approvals?status=approved'];
    for (const way of [...ways, ...others])
      expect(JSON.stringify((await stranger.call('GET', way)).body), way).not.toContain(word);
    // On the page, with the same rights in a cookie.
    const cookie = await signedIn(stranger);
    const page = await ask('GET', `/approvals/${approval_id}`, { cookie });
    expect([page.status, page.text.includes(word)]).toEqual([404, false]);
  });

  it('role limits only in the pages: what a role may not do is refused by the API itself', async () => {
    const viewer = await somebody('viewer');
    const { approval_id, digest } = await submit({ language: 'python', code: 'print(1)' });
    const direct: [string, string, object, number][] = [
      ['POST', '/api/v1/execute', { language: 'python', code: 'print(1)' }, 403],
      ['POST', `/api/v1/approvals/${approval_id}/decision`, { decision: 'approve', digest }, 403],
      ['PATCH', `/api/v1/users/${viewer.user_id}`, { roles: ['admin'], reason: 'mine' }, 403],
      ['POST', '/api/v1/api-keys', { name: 'x', permissions: ['execute_code'] }, 422],
    ];
    for (const [method, path, body, expected] of direct)
      expect((await viewer.call(method, path, body)).status, path).toBe(expected);
    // What is more than their roles and the environment allow, and a profile their role has not.
    const developer = await somebody('developer');
    const beyond: [object, number][] = [
      [{ resource_limits: { memory: '64GB' } }, 422],
      [{ timeout_seconds: 1_000_000 }, 422],
      [{ security_profile: 'trusted' }, 403],
    ];
    for (const [more, expected] of beyond) {
      const answer = await developer.call('POST', '/api/v1/execute', { language: 'python', code: 'print(1)', ...more });
      expect(answer.status, JSON.stringify(more)).toBe(expected);
    }
  });

  it('a scope checked but not the path in a list: a narrow key lists nothing outside its scope, whatever it asks for', async () => {
    const [owner, other] = [await somebody('developer'), await somebody('developer')];
    const program = { language: 'python', code: 'print(1)' };
    const submitted = async (who: typeof owner, label: string) =>
      (await who.call<{ execution_id: string }>('POST', '/api/v1/execute', { ...program, label })).body.execution_id;
    const [inside, outside, theirs] = [
      await submitted(owner, 'nightly'),
      await submitted(owner, 'daily'),
      await submitted(other, 'nightly'),
    ];
    const made = await owner.call<{ key: string }>('POST', '/api/v1/api-keys', { name: 'x', resources: { labels: ['nightly'] } });
    const key = clientOf(made.body.key);
    const queries = ['', 'limit=100', 'label=nightly', 'label=daily', `requester=${owner.user_id}`, `requester=${other.user_id}`];
    for (const query of queries) {
      const { status: code, body } = await key.call<{ executions: { execution_id: string }[] }>(
        'GET',
        `/api/v1/executions?${query}`,
      );
      expect(code, query).toBe(200);
      const ids = body.executions.map(({ execution_id }) => execution_id);
      expect(ids, query).toEqual(query === 'label=daily' || query.includes(other.user_id) ? [] : [inside]);
    }
    for (const whose of ['all', 'mine', 'to_decide']) {
      const listed = JSON.stringify((await key.call('GET', `/api/v1/approvals?whose=${whose}&limit=100`)).body);
      for (const id of [outside, theirs]) expect(listed.includes(id.slice('exec_'.length)), whose).toBe(false);
    }
  });

  it('identity taken from the body: no field of it says who asks, and none is read for it', async () => {
    const [developer, victim] = [await somebody('developer'), await as('admin')];
    const program = { language: 'python', code: 'print(1)' };
    const id = victim.user_id;
    const claims: object[] = [
      { user_id: id },
      { requester: { user_id: id } },
      { requester_id: id },
      { owner_id: id },
      { actor: id },
      { on_behalf_of: id },
      { roles: ['admin'] },
      { trusted_agent: true },
    ];
    for (const claim of claims) {
      const answer = await developer.call('POST', '/api/v1/execute', { ...program, ...claim });
      expect(problemOf(answer), JSON.stringify(claim)).toMatchObject({
        status: 422,
        errors: [{ field: `body.${Object.keys(claim)[0]}` }],
      });
      expect((await developer.call('POST', '/api/v1/api-keys', { name: 'x', ...claim })).status).toBe(422);
    }
    // Where a place for text of their own is, it stays text.
    const context = { user_id: id, requester: id };
    const own = await developer.call<{ requester: { user_id: string } }>('POST', '/api/v1/execute', { ...program, context });
    expect(own.body.requester.user_id).toBe(developer.user_id);
  });

  it('identity taken from a header: who is calling is not what a header says', async () => {
    const developer = await as('developer');
    const { user_id } = await as('admin');
    const pretended: Record<string, string>[] = [
      { 'x-airlock-actor': user_id },
      { 'x-amzn-oidc-identity': user_id, 'x-amzn-oidc-data': 'e30.e30.' },
      { 'x-forwarded-user': user_id, 'x-remote-user': user_id },
      { 'x-original-url': '/api/v1/health', 'x-rewrite-url': '/api/v1/health' },
    ];
    for (const headers of pretended) {
      const answer = await developer.call<{ user_id: string }>('GET', '/api/v1/me', undefined, headers);
      expect(answer.body.user_id).toBe(developer.user_id);
      expect((await developer.call('GET', '/api/v1/users', undefined, headers)).status).toBe(403);
    }
  });

  it('a client address taken from a header the client sets: what is written down is where they came from', async () => {
    const pretended = '198.51.100.23';
    const headers: Record<string, string> = {};
    for (const name of ['x-airlock-client-address', 'x-forwarded-for', 'x-real-ip', 'true-client-ip', 'cf-connecting-ip'])
      headers[name] = pretended;
    headers.forwarded = `for=${pretended}`;
    headers['cloudfront-viewer-address'] = `${pretended}:1234`;
    const developer = await somebody('developer');
    expect((await developer.call('GET', '/api/v1/users', undefined, headers)).status).toBe(403);
    const admin = await as('admin');
    const events = async (query: string) =>
      (await admin.call<{ events: SecurityEvent[] }>('GET', `/api/v1/security/events?${query}`)).body.events;
    const [seen] = await until('the event', async () => {
      const found = await events(`event_type=permission_denied&user_id=${developer.user_id}`);
      return found.length > 0 && found;
    });
    expect(seen?.source_ip).toBe('127.0.0.1');
    expect(await events(`source_ip=${pretended}`)).toEqual([]);
    const made = await developer.call<{ key: string }>('POST', '/api/v1/api-keys', { name: 'x' });
    await call('GET', '/api/v1/me', undefined, { ...headers, 'x-api-key': made.body.key });
    const used = await developer.call<{ api_keys: { last_used_address: string }[] }>('GET', '/api/v1/api-keys');
    expect(used.body.api_keys.map(({ last_used_address }) => last_used_address)).toEqual(['127.0.0.1']);
  });

  it('a route nobody guards: none is without a permission, and those that are public are these', () => {
    for (const route of routes) expect(route.permission, route.id).toBeTruthy();
    expect(routes.filter((route) => route.permission === 'public').map((route) => route.id)).toEqual(PUBLIC);
  });

  it('what is there told by the work it takes: a thing of others costs as many calls as none', async () => {
    const executions = memoryExecutions();
    const { counted, during } = countedCalls();
    const asked = counted('executions', executions);
    const row = queuedExecution(newExecutionId(), 'somebody-else');
    const draft = { action: 'submitted', actor: 'somebody-else', at: row.created_at, details: {} };
    await executions.create(row, appendToChain(row.execution_id, EMPTY_CHAIN, draft).record, null);
    const callsFor = (id: string) =>
      during(async () => expect(await visibleRow(asked, actorOf(['developer'], 'me'), id)).toBeNull());
    expect(await callsFor(row.execution_id)).toEqual(['executions.get']);
    expect(await callsFor(newExecutionId())).toEqual(['executions.get']);
  });

  it('pages of other origins may not read answers, and browsers are told to keep to what an answer is', async () => {
    const { token } = await as('developer');
    const origin = { origin: 'https://evil.example', authorization: `Bearer ${token}` };
    const asked = { ...origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
    for (const answer of [
      await call('GET', '/api/v1/me', undefined, origin),
      await call('GET', `/api/v1/executions/exec_${randomUUID()}`, undefined, origin),
    ]) {
      for (const name of answer.headers.keys()) expect(name).not.toMatch(/^access-control-/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
      expect(answer.headers.get('strict-transport-security')).toMatch(/^max-age=\d{8}/);
    }
    const preflight = await call('OPTIONS', '/api/v1/execute', undefined, asked);
    expect(preflight.status).toBeGreaterThanOrEqual(400);
    for (const name of preflight.headers.keys()) expect(name).not.toMatch(/^access-control-/);
  });
});

const PUBLIC = [
  'login',
  'answerChallenge',
  'refresh',
  'revokeToken',
  'openPageSession',
  'renewPageSession',
  'beginPageSignIn',
  'finishPageSignIn',
  // Signed by Slack, over its bytes.
  'slackInteraction',
  'health',
];
