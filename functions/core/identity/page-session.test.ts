import { describe, expect, it } from 'vitest';
import { actorOf } from '../../../test/support/entities.ts';
import { signInWorld } from '../../../test/support/sign-in-world.ts';
import { csrfTokenOf, isFresh, openPageSession, readPageSession, renewPageSession, whyNotOwnPage } from './page-session.ts';
import { endAllSessions, endSession, signIn } from './sign-in.ts';

async function opened() {
  const world = signInWorld();
  const answer = await signIn(world.parts, { email: 'a@b.c', password: 'right' });
  if (answer.outcome !== 'signed_in') throw new Error(answer.outcome);
  const { cookie } = await openPageSession(world.parts, answer.session);
  const read = () => readPageSession(world.parts.pages, cookie, world.parts.now());
  return { ...world, cookie, read };
}

describe('the session of a page', () => {
  it('is found by its cookie alone, of which the store has only a hash', async () => {
    const { parts, pages, cookie, read } = await opened();
    expect(await read()).toMatchObject({ user_id: 'user-1', session_id: 'session-1' });
    expect(JSON.stringify([...pages])).not.toContain(cookie);
    for (const other of ['', 'x'.repeat(43), `${cookie} `, [...pages.keys()][0] ?? ''])
      expect(await readPageSession(parts.pages, other, parts.now())).toBeNull();
  });

  it('is no longer fresh when an access token would have expired, until the pool was asked again', async () => {
    const { parts, state, cookie, read } = await opened();
    state.now += 899_000;
    expect(isFresh((await read()) ?? never(), parts.now())).toBe(true);
    state.now += 1000;
    expect(isFresh((await read()) ?? never(), parts.now())).toBe(false);
    expect(await renewPageSession(parts, cookie)).toMatchObject({ outcome: 'renewed' });
    expect(isFresh((await read()) ?? never(), parts.now())).toBe(true);
  });

  it('is renewed in two windows at the same moment', async () => {
    const { parts, cookie } = await opened();
    const both = await Promise.all([renewPageSession(parts, cookie), renewPageSession(parts, cookie)]);
    expect(both.map(({ outcome }) => outcome)).toEqual(['renewed', 'renewed']);
  });

  it('lasts as long as a refresh token and no longer, however often it is renewed', async () => {
    const { parts, state, cookie, read } = await opened();
    state.now += 3599_000;
    const renewed = await renewPageSession(parts, cookie);
    expect(renewed.outcome === 'renewed' && renewed.page.fresh_until).toBe((await read())?.expires_at);
    state.now += 1000;
    expect(await read()).toBeNull();
    expect(await renewPageSession(parts, cookie)).toEqual({ outcome: 'refused' });
  });

  it('is not renewed after it ended, after all of its holder’s did, or for somebody the pool refuses', async () => {
    const ends: ((world: Awaited<ReturnType<typeof opened>>) => Promise<unknown> | unknown)[] = [
      ({ parts }) => endSession(parts, actorOf(['developer']), 'session-1'),
      ({ parts }) => endAllSessions(parts, actorOf(['developer'])),
      ({ state }) => state.revoked.push('pool-session-1'),
      // The pool was not told.
      ({ parts }) => parts.sessions.end('session-1'),
    ];
    for (const end of ends) {
      const world = await opened();
      const before = await world.read();
      await end(world);
      world.state.now += 1000;
      expect(await renewPageSession(world.parts, world.cookie), String(end)).toEqual({ outcome: 'refused' });
      expect(await world.read()).toEqual(before);
    }
  });
});

describe('a request with the cookie of a page', () => {
  const cookie = 'c'.repeat(43);
  const publicOrigin = 'https://airlock.example';
  const good = { method: 'POST', origin: publicOrigin, csrfToken: csrfTokenOf(cookie), publicOrigin };

  it('changes something only from our own page and with the token of this session', () => {
    expect(whyNotOwnPage(cookie, good)).toBeNull();
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      for (const csrfToken of [undefined, '', cookie, csrfTokenOf('d'.repeat(43)), `${good.csrfToken}x`])
        expect(whyNotOwnPage(cookie, { ...good, method, csrfToken }), `${method} ${csrfToken}`).toContain('x-csrf-token');
      const others = [
        undefined,
        'null',
        '',
        'http://airlock.example',
        'https://airlock.example.evil.example',
        'https://evil.example',
      ];
      for (const origin of others)
        expect(whyNotOwnPage(cookie, { ...good, method, origin }), `${method} ${origin}`).toContain('Origin');
    }
  });

  it('changes nothing when the front door did not say what our own page is', () => {
    expect(whyNotOwnPage(cookie, { ...good, origin: undefined, publicOrigin: '' })).toContain('Origin');
  });

  it('reads without either', () => {
    expect(whyNotOwnPage(cookie, { ...good, method: 'GET', origin: undefined, csrfToken: undefined })).toBeNull();
  });
});

const never = (): never => {
  throw new Error('there is no session');
};
