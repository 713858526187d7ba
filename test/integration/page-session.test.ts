/** Sessions in cookies, as a browser on a page has them, and as one on another site would use them. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { PageSessionView } from '../../functions/contracts/page-session.ts';
import type { RouteContract } from '../../functions/contracts/route.ts';
import { ROUTES_OF_FUNCTION } from '../../functions/contracts/routes.ts';
import type { Challenge } from '../../functions/contracts/sign-in.ts';
import { type Answer, as, call, problemOf, status } from '../support/airlock.ts';
import { newUser, somebody } from '../support/people.ts';
import { totp } from '../support/totp.ts';

const PATH = '/api/v1/auth/session';
const origin = new URL(status.url).origin;

interface Page {
  readonly cookie: string;
  readonly csrf: string;
  call<T = unknown>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
}

/** What a browser keeps of the answer, and sends with each request after it. */
function pageOf(answer: Answer<PageSessionView>): Page {
  const cookie = (answer.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
  const csrf = answer.body.csrf_token;
  return {
    cookie,
    csrf,
    call: (method, path, body, headers) => call(method, path, body, { cookie, origin, 'x-csrf-token': csrf, ...headers }),
  };
}

const open = (body: object): Promise<Answer<PageSessionView & Challenge>> => call('POST', PATH, body, { origin });

async function opened(role: string): Promise<Page & { email: string; password: string }> {
  const user = await newUser(role);
  const answer = await open(user);
  expect(answer.status).toBe(200);
  return { ...user, ...pageOf(answer) };
}

describe('a page', () => {
  it('is signed in by a cookie that no script reads, and given no token', async () => {
    const user = await newUser('developer');
    const answer = await open(user);
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^airlock_session=[A-Za-z0-9_-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/),
    ]);
    expect(Object.keys(answer.body).sort()).toEqual(['csrf_token', 'expires_at', 'fresh_until', 'user_id']);
    const page = pageOf(answer);
    const me = await page.call('GET', '/api/v1/me');
    expect(me.body).toMatchObject({ user_id: answer.body.user_id, credential: 'session', roles: ['developer'] });
    // After a reload the page knows nothing but its cookie.
    const again = await call<PageSessionView>('GET', PATH, undefined, { cookie: page.cookie });
    expect(again.body).toEqual(answer.body);
    expect((await page.call('POST', `${PATH}/renew`, {})).body).toMatchObject({ csrf_token: page.csrf });
    expect((await page.call('POST', '/api/v1/execute', { language: 'python', code: 'print(1)' })).status).toBe(202);
  });

  it('asks for the second factor that a role wants', async () => {
    const user = await newUser('operator');
    const first = await open(user);
    expect(first.status).toBe(202);
    expect(first.headers.getSetCookie()).toEqual([]);
    const { challenge_id, secret = '' } = first.body;
    expect((await open({ challenge_id, code: '000000' })).status).toBe(401);
    const page = pageOf(await open({ challenge_id, code: totp(secret) }));
    expect((await page.call('GET', '/api/v1/me')).status).toBe(200);
  });

  it('answers a wrong password and an unknown user alike, without a cookie', async () => {
    const known = await newUser('developer');
    const answers = await Promise.all([
      open({ ...known, password: 'Al1-not-the-one' }),
      open({ email: `nobody-${randomUUID()}@airlock.test`, password: 'Al1-not-the-one' }),
    ]);
    const said = answers.map((answer) => [answer.status, answer.headers.getSetCookie(), { ...answer.body, request_id: '' }]);
    expect(said[0]).toEqual(said[1]);
    expect(answers[0]?.status).toBe(401);
    const nonsense = await open({ email: 'a@b.c' });
    expect(problemOf(nonsense)).toMatchObject({ status: 422, code: 'validation_failed' });
  });

  it('loses its session at once by signing out, by ending all, and when its holder is disabled', async () => {
    const admin = await as('admin');
    const ends: ((page: Page, userId: string) => Promise<Answer<unknown>>)[] = [
      (page) => page.call('POST', '/api/v1/auth/logout'),
      (page) => page.call('POST', '/api/v1/auth/revoke'),
      (_, id) => admin.call('PATCH', `/api/v1/users/${id}`, { disabled: true, reason: 'left' }),
    ];
    for (const [index, end] of ends.entries()) {
      const page = await opened('developer');
      const { body } = await page.call<PageSessionView>('GET', PATH);
      const answer = await end(page, body.user_id);
      expect(answer.status).toBe(200);
      if (index < 2)
        expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^airlock_session=; Path=\/; Max-Age=0;/)]);
      expect((await page.call('GET', '/api/v1/me')).status).toBe(401);
      expect((await page.call('POST', `${PATH}/renew`, {})).status).toBe(401);
    }
  });

  it('keeps its session when somebody signs out with a token in the same browser', async () => {
    const page = await opened('developer');
    const other = await somebody('developer');
    const left = await call('POST', '/api/v1/auth/logout', undefined, {
      cookie: page.cookie,
      authorization: `Bearer ${other.token}`,
    });
    expect(left.status).toBe(200);
    expect(left.headers.getSetCookie()).toEqual([]);
    expect((await page.call('GET', '/api/v1/me')).status).toBe(200);
  });
});

describe('another site', () => {
  const routes: readonly RouteContract[] = Object.values(ROUTES_OF_FUNCTION).flat();
  const changing = routes.filter(({ method, permission, page }) => method !== 'GET' && permission !== 'public' && !page);

  it('changes nothing with the cookie that the browser sends along, on any route', async () => {
    const page = await opened('admin');
    const attempts: [name: string, headers: Record<string, string>][] = [
      ['our page without its token', { origin }],
      ['another page with the token', { origin: 'https://evil.example', 'x-csrf-token': page.csrf }],
      ['nothing but the cookie', {}],
      ['a sandboxed frame with the token', { origin: 'null', 'x-csrf-token': page.csrf }],
      ['the token of another session', { origin, 'x-csrf-token': 'x'.repeat(43) }],
      [
        'another page that says where we are',
        { origin: 'https://evil.example', 'x-csrf-token': page.csrf, 'x-airlock-public-origin': 'https://evil.example' },
      ],
    ];
    expect(changing.length).toBeGreaterThan(10);
    // One after the other: many at once would only start more of each function.
    for (const [index, route] of changing.entries()) {
      const path = route.path.replace(/\{\w+\}/g, 'x');
      for (const [name, headers] of index === 0 ? attempts : attempts.slice(0, 2)) {
        const answer = await call(route.method, path, route.body ? {} : undefined, { cookie: page.cookie, ...headers });
        const detail = expect.stringContaining('With a session of a page');
        expect(problemOf(answer), `${route.id}: ${name}`).toMatchObject({ status: 403, detail });
      }
    }
    expect((await page.call('GET', '/api/v1/me')).status).toBe(200);
  });

  it('does not sign its visitors in here under a name of its choosing, nor renew what they have', async () => {
    const user = await newUser('developer');
    const answer = await call('POST', PATH, user, { origin: 'https://evil.example' });
    expect(answer.status).toBe(403);
    expect(answer.headers.getSetCookie()).toEqual([]);
    const page = await opened('developer');
    expect((await call('POST', `${PATH}/renew`, {}, { cookie: page.cookie })).status).toBe(403);
  });

  it('is allowed to read no answer', async () => {
    const page = await opened('developer');
    const answer = await call('GET', '/api/v1/me', undefined, { cookie: page.cookie, origin: 'https://evil.example' });
    const allowing = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
    expect(allowing).toEqual([]);
  });
});
