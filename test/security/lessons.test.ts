/** Ways in which others were broken into, one test each; docs/security-model.md names them. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ROUTES_OF_FUNCTION } from '../../functions/contracts/routes.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { visibleRow } from '../../functions/core/execution/view.ts';
import { as, call, finished, inPhase, run, status, submit } from '../support/airlock.ts';
import { actorOf, newExecutionId, queuedExecution } from '../support/entities.ts';
import { memoryExecutions } from '../support/memory/stores.ts';
import { somebody } from '../support/people.ts';
import { countedCalls } from '../support/port-calls.ts';

const routes = Object.values(ROUTES_OF_FUNCTION)
  .flat()
  .filter((route) => !('page' in route));

describe('what others were broken into by does not work here', () => {
  it('a path that ends like a public one, or is written in another way, is not public', async () => {
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

  it('a file is fetched by its id, and no path is one', async () => {
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
  });

  it('both ways to one thing ask the same: what a list does not show, its route does not give, and so do its parts', async () => {
    const { execution_id: id } = await run({ language: 'python', code: 'open("output/a.txt", "w").write("x")' });
    const owner = await as('developer');
    const { files_created: files } = await finished(id);
    const stranger = await somebody('developer');
    const parts = ['', '/events', `/files/${files[0]?.file_id}`];
    for (const part of parts) {
      expect((await owner.call('GET', `/api/v1/executions/${id}${part}`)).status, part).toBeLessThan(400);
      expect((await stranger.call('GET', `/api/v1/executions/${id}${part}`)).status, part).toBe(404);
    }
  });

  it('who is calling, and from where, is not taken from headers or the body', async () => {
    const developer = await as('developer');
    const { user_id } = await as('admin');
    const pretended: Record<string, string>[] = [
      { 'x-airlock-actor': user_id },
      { 'x-amzn-oidc-identity': user_id, 'x-amzn-oidc-data': 'e30.e30.' },
      { 'x-forwarded-user': user_id, 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' },
      { 'x-original-url': '/api/v1/health', 'x-rewrite-url': '/api/v1/health' },
    ];
    for (const headers of pretended) {
      const answer = await developer.call<{ user_id: string }>('GET', '/api/v1/me', undefined, headers);
      expect(answer.body.user_id).toBe(developer.user_id);
      expect((await developer.call('GET', '/api/v1/users', undefined, headers)).status).toBe(403);
    }
  });

  it('no route is without a permission, and those that are public are these', () => {
    for (const route of routes) expect(route.permission, route.id).toBeTruthy();
    expect(routes.filter((route) => route.permission === 'public').map((route) => route.id)).toEqual(PUBLIC);
  });

  it('a thing of others costs as many calls as one that is not there', async () => {
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
  'openPageSession',
  'renewPageSession',
  'beginPageSignIn',
  'finishPageSignIn',
  // Signed by Slack, over its bytes.
  'slackInteraction',
  'health',
];
