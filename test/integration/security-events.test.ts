import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SecurityEvent, SecurityResponse } from '../../functions/contracts/security-event.ts';
import { type Answer, as, type Client, call, clientOf, problemOf, until } from '../support/airlock.ts';
import { invoke } from '../support/faults.ts';
import { somebody } from '../support/people.ts';

type Events = { events: SecurityEvent[]; next_cursor: string | null };

const eventsOf = async (query: string): Promise<SecurityEvent[]> => {
  const admin = await as('admin');
  const from = new Date(Date.now() - 600_000).toISOString();
  return (await admin.call<Events>('GET', `/api/v1/security/events?from=${from}&limit=200&${query}`)).body.events;
};
const respond = async (body: object): Promise<Answer<SecurityResponse>> =>
  (await as('admin')).call('POST', '/api/v1/security/responses', body);
const reverse = async ({ response_id }: SecurityResponse): Promise<Answer<SecurityResponse>> =>
  (await as('admin')).call('POST', `/api/v1/security/responses/${response_id}/reverse`, { reason: 'a mistake' });
const meOf = async (client: Client) => (await client.call('GET', '/api/v1/me')).status;

describe('what is noticed', () => {
  it('are refusals, with who, where and how often, and never an e-mail address', async () => {
    const user = await somebody('viewer');
    for (let n = 0; n < 3; n += 1) await user.call('POST', '/api/v1/execute', { language: 'python', code: '1' });
    const denied = await eventsOf(`event_type=permission_denied&user_id=${user.user_id}`);
    expect(denied.reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(denied[0]).toMatchObject({ endpoint: 'execute', source_ip: '127.0.0.1', severity: 'low' });

    const email = `victim-${randomUUID()}@airlock.test`;
    await call('POST', '/api/v1/auth/login', { email, password: 'Al1-not-the-right-one' });
    const failures = (await eventsOf('event_type=authentication_failure')).filter(({ endpoint }) => endpoint === 'login');
    expect(failures.length).toBeGreaterThan(0);
    expect(JSON.stringify(failures)).not.toContain('victim');
    expect(failures[0]?.details.account).toEqual(expect.any(String));
  });

  it('is for those who may read it, within limits that are named', async () => {
    expect((await (await as('viewer')).call('GET', '/api/v1/security/events')).status).toBe(403);
    const admin = await as('admin');
    const wide = await admin.call('GET', '/api/v1/security/events?from=2020-01-01T00:00:00Z');
    expect(problemOf(wide)).toMatchObject({ status: 422, errors: [{ field: 'query.from' }] });
    expect((await (await somebody('operator')).call('GET', '/api/v1/security/responses')).status).toBe(200);
  });

  it('a caller who tries door after door stands out, and is slowed down without anybody’s doing', async () => {
    const user = await somebody([]);
    const doors = [
      'users',
      'audit',
      'executions',
      'approvals',
      'security/events',
      'security/responses',
      'security/rate-limits?address=203.0.113.1',
    ];
    for (const door of doors) await user.call('GET', `/api/v1/${door}`);
    const posts = [
      'execute',
      'files',
      'ws/tickets',
      'security/responses',
      'security/rate-limits/reset',
      'approvals/rules/dry-run',
    ];
    for (const door of posts) await user.call('POST', `/api/v1/${door}`, {});
    const id = '01900000-0000-7000-8000-000000000000';
    for (const path of [`executions/exec_${id}`, `executions/exec_${id}/events`, `executions/exec_${id}/files/x`, `users/${id}`])
      await user.call('GET', `/api/v1/${path}`);
    for (const path of [`executions/exec_${id}/cancel`, `approvals/apr_${id}/decision`, `security/responses/rsp_${id}/reverse`])
      await user.call('POST', `/api/v1/${path}`, {});
    await user.call('PATCH', `/api/v1/users/${id}`, {});
    await invoke('events/security-monitor', {});
    const seen = await until('the anomaly', async () => {
      const found = (await eventsOf(`event_type=suspicious_activity&user_id=${user.user_id}`)).find(
        ({ endpoint }) => endpoint === 'permission_probing',
      );
      return found ?? null;
    });
    expect(seen.severity).toBe('medium');
    const admin = await as('admin');
    const { body } = await admin.call<{ responses: SecurityResponse[] }>('GET', '/api/v1/security/responses?limit=200');
    const slowed = body.responses.find(({ subject }) => subject.user_id === user.user_id);
    expect(slowed).toMatchObject({ kind: 'slow_down', automatic: true, created_by: 'airlock' });
    if (slowed) expect((await reverse(slowed)).body.reversed_at).toEqual(expect.any(String));
  });
});

describe('a response', () => {
  it('suspends a key within a second or so, until it is taken back', async () => {
    const owner = await somebody('developer');
    const made = await owner.call<{ key: string; api_key: { key_id: string } }>('POST', '/api/v1/api-keys', { name: 'x' });
    const holder = clientOf(made.body.key);
    expect(await meOf(holder)).toBe(200);
    const { key_id } = made.body.api_key;
    const response = await respond({ kind: 'suspend_key', subject: { key_id }, reason: 'seen in a public repository' });
    expect(response.status).toBe(201);
    await until('the suspension', async () => (await meOf(holder)) === 401, 5000);
    expect((await reverse(response.body)).status).toBe(200);
    await until('the end of it', async () => (await meOf(holder)) === 200, 5000);
  });

  it('makes somebody sign in again, and that holds', async () => {
    const user = await somebody('developer');
    const response = await respond({ kind: 'require_sign_in', subject: { user_id: user.user_id }, reason: 'a lost phone' });
    expect(response.status).toBe(201);
    expect(await meOf(user)).toBe(401);
    expect((await reverse(response.body)).status).toBe(200);
    expect(await meOf(user)).toBe(401);
  });

  it('is refused where it cannot be, and where it would hit the one who asks', async () => {
    const cases: [object, string][] = [
      [{ kind: 'block_address', subject: { address: '127.0.0.1' }, reason: 'x' }, 'body.subject.address'],
      [{ kind: 'block_address', subject: { user_id: 'somebody' }, reason: 'x' }, 'body.subject'],
      [{ kind: 'block_address', subject: { address: 'not an address' }, reason: 'x' }, 'body.subject.address'],
      [{ kind: 'nuke', subject: { address: '203.0.113.1' }, reason: 'x' }, 'body.kind'],
      [{ kind: 'slow_down', subject: {}, reason: 'x' }, 'body.subject'],
      [{ kind: 'slow_down', subject: { user_id: (await as('admin')).user_id }, reason: 'x' }, 'body.subject.user_id'],
    ];
    for (const [body, field] of cases) {
      const refused = await respond(body);
      expect(problemOf(refused), JSON.stringify(body)).toMatchObject({ status: 422, errors: [{ field }] });
    }
    expect((await (await somebody('operator')).call('POST', '/api/v1/security/responses', {})).status).toBe(403);
  });
});
