/** Limits as callers meet them. The numbers are those of the local stage: low where nobody else comes by. */
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { RateLimitStatus } from '../../functions/contracts/routes/limits.ts';
import type { SecurityEvent } from '../../functions/contracts/security-event.ts';
import { configurationOf } from '../../functions/core/policy/configuration.ts';
import { as, type Client, call, problemOf, status } from '../support/airlock.ts';
import { configuration } from '../support/configuration.ts';
import { output, withFrozen } from '../support/faults.ts';
import { createUser, somebody } from '../support/people.ts';

const limits = configurationOf(configuration, 'local').security.rate_limiting;
const PATH = '/api/v1/security/rate-limits';
const perMinute = limits.per_endpoint[PATH] ?? 0;
const perAccount = limits.login.attempts_per_account_per_minute;

const limitsOf = (admin: Client, query: string) => admin.call<RateLimitStatus>('GET', `${PATH}?${query}`);

/**
 * Calls until one is refused: how many were let through, and the refusal. A busy machine may be late in answering how much is counted, and
 * then a process counts for itself: that it is never more than the rate says is proven where the counters are tested.
 */
async function untilRefused<A extends { readonly status: number }>(send: () => Promise<A>, most: number): Promise<[number, A]> {
  for (let admitted = 0; admitted <= most; admitted += 1) {
    const answer = await send();
    if (answer.status === 429) return [admitted, answer];
  }
  throw new Error(`more than ${most} were let through`);
}

const namesOf = ({ requests_per_minute, burst_limit }: typeof limits.per_key) => ({
  limit: requests_per_minute,
  window_seconds: 60,
  burst: burst_limit,
});

describe('a caller', () => {
  it('is told in every answer what is left, also where the answer is a refusal', async () => {
    const developer = await somebody('developer');
    for (const [path, expected] of [
      ['/api/v1/me', 200],
      ['/api/v1/users', 403],
      ['/api/v1/executions/nothing', 404],
    ] as const) {
      const answer = await developer.call('GET', path);
      expect(answer.status).toBe(expected);
      const { requests_per_minute: ofUser } = limits.per_user;
      expect(answer.headers.get('ratelimit-policy'), path).toContain(
        `"per_address";q=${limits.per_address.requests_per_minute};w=60`,
      );
      expect(answer.headers.get('ratelimit-policy'), path).toContain(`"per_user";q=${ofUser};w=60`);
      expect(answer.headers.get('ratelimit'), path).toMatch(/"per_user";r=\d+(;t=\d+)?$/);
      expect(answer.headers.get('retry-after'), path).toBeNull();
    }
    const nobody = await call('GET', '/api/v1/no-such-route');
    expect(nobody.headers.get('ratelimit')).toMatch(/^"per_address";r=\d+(;t=\d+)?$/);
  });

  it('with a key has the key’s limits and its owner’s', async () => {
    const developer = await somebody('developer');
    const made = await developer.call<{ key: string; api_key: { key_id: string } }>('POST', '/api/v1/api-keys', {
      name: 'robot',
    });
    const answer = await call('GET', '/api/v1/me', undefined, { 'x-api-key': made.body.key });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('ratelimit')).toMatch(/"per_user";r=\d+(;t=\d+)?, "per_key";r=\d+(;t=\d+)?$/);
    const { body } = await limitsOf(await somebody('admin'), `key_id=${made.body.api_key.key_id}`);
    expect(body).toMatchObject({ subject: { kind: 'key_id' }, limits: [{ name: 'per_key', ...namesOf(limits.per_key) }] });
  });

  it('who asks too often is refused with the limit and the time to come again; others are not', async () => {
    const [one, other] = [await somebody('admin'), await somebody('admin')];
    const [admitted, refusal] = await untilRefused(() => limitsOf(one, 'address=192.0.2.1'), 4 * perMinute);
    expect(admitted).toBeGreaterThanOrEqual(perMinute);
    expect(problemOf(refusal)).toMatchObject({
      code: 'too_many_requests',
      detail: expect.stringMatching(/^The limit per_endpoint of 30 requests a minute, .* Come again in \d+ s\.$/),
      limit: { name: 'per_endpoint', requests: perMinute, window_seconds: 60, burst: perMinute },
    });
    const retryAfter = Number(refusal.headers.get('retry-after'));
    expect(retryAfter).toBe(problemOf(refusal).limit?.retry_after_seconds);
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60 / perMinute);
    expect(refusal.headers.get('ratelimit')).toMatch(/"per_endpoint";r=0;t=[12]$/);

    expect((await one.call('GET', '/api/v1/me')).status).toBe(200);
    const seen = await limitsOf(other, `user_id=${one.user_id}`);
    const endpoint = seen.body.limits.find((limit) => limit.endpoint === PATH);
    expect(endpoint).toMatchObject({ name: 'per_endpoint', limit: perMinute, window_seconds: 60, burst: perMinute });
    expect(endpoint?.current_usage).toBeGreaterThan(0);
    expect(endpoint?.remaining).toBe(perMinute - (endpoint?.current_usage ?? 0));
    expect(Date.parse(endpoint?.reset_time ?? '')).toBeGreaterThan(Date.now());

    const noticed = await other.call<{ events: SecurityEvent[] }>(
      'GET',
      `/api/v1/security/events?event_type=rate_limit_exceeded&user_id=${one.user_id}`,
    );
    expect(noticed.body.events[0]).toMatchObject({ endpoint: 'getRateLimits', severity: 'low', source_ip: '127.0.0.1' });

    const reset = await other.call<RateLimitStatus>('POST', `${PATH}/reset`, { user_id: one.user_id });
    expect(reset.body.limits.map((limit) => limit.current_usage)).toEqual(reset.body.limits.map(() => 0));
    expect((await limitsOf(one, 'address=192.0.2.1')).status).toBe(200);
  });
});

describe('who tries passwords', () => {
  const login = (body: object, localAddress: string) =>
    new Promise<{ status: number; body: { limit?: { name: string } } }>((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const sent = request(`${status.url}/api/v1/auth/login`, { method: 'POST', localAddress, headers }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }));
      });
      sent.on('error', reject);
      sent.end(JSON.stringify(body));
    });

  it('is kept from an account, also with the right password; its owner elsewhere is not', async () => {
    const user = { email: `ada-${randomUUID().slice(0, 8)}@airlock.test`, password: `Al1-${randomUUID()}` };
    await createUser(output('UserPoolId'), user);
    const wrong = { ...user, password: 'not-the-password' };
    const limited = async () => (await untilRefused(() => login(wrong, '127.0.0.1'), 4 * perAccount))[1];
    expect((await limited()).body.limit?.name).toBe('sign_in_per_account');

    // On a slow machine there may be room for one more by then.
    const rightOnes: number[] = [];
    for (let round = 0; round < 5 && !rightOnes.includes(429); round += 1) {
      await limited();
      rightOnes.push((await login({ ...user, email: user.email.toUpperCase() }, '127.0.0.1')).status);
    }
    expect(rightOnes).toContain(429);
    expect((await login(user, '127.0.0.2')).status).toBe(200);
    expect((await login({ ...wrong, email: 'eve@airlock.test' }, '127.0.0.1')).status).toBe(401);
  });
});

describe('asking for limits', () => {
  it.each([
    ['nothing', ''],
    ['two at once', 'user_id=a&address=192.0.2.1'],
    ['what is no address', 'address=localhost'],
    ['what is no id', 'key_id=../x'],
    ['an unknown field', 'team=a'],
  ])('needs exactly one subject, and not %s', async (_, query) => {
    const admin = await as('admin');
    expect((await limitsOf(admin, query)).status).toBe(422);
    const body = Object.fromEntries(new URLSearchParams(query));
    expect((await admin.call('POST', `${PATH}/reset`, body)).status).toBe(422);
  });

  it('is answered for somebody nobody knows as for somebody who never came', async () => {
    const { body } = await limitsOf(await as('admin'), 'user_id=nobody');
    expect(body.limits.map(({ name }) => name)).toEqual(['per_user', 'executions_per_hour', 'per_endpoint']);
    for (const limit of body.limits) expect(limit).toMatchObject({ current_usage: 0, remaining: limit.burst });
  });
});

describe('while Valkey does not answer', () => {
  it('requests are still served and counted, and what cannot be known is not made up', async () => {
    const admin = await somebody('admin');
    await admin.call('GET', `${PATH}?user_id=a`);
    await withFrozen('valkey', async () => {
      const startedAt = performance.now();
      const answer = await limitsOf(admin, 'user_id=a');
      expect(answer.status).toBe(503);
      expect(problemOf(answer).code).toBe('unavailable');
      expect(performance.now() - startedAt).toBeLessThan(5000);
      const [admitted, refusal] = await untilRefused(() => admin.call('GET', PATH), 20 * perMinute);
      expect(admitted).toBeGreaterThan(0);
      expect(refusal.headers.get('ratelimit')).toContain('"per_endpoint";r=0');
    });
    const noticed = await admin.call<{ events: SecurityEvent[] }>('GET', '/api/v1/security/events?event_type=limiter_degraded');
    expect(noticed.body.events.length).toBeGreaterThan(0);
    for (const { count } of noticed.body.events) expect(count).toBeLessThan(100);
  });
});
