import { describe, expect, it } from 'vitest';
import { actorOf } from '../../../test/support/entities.ts';
import { signInWorld } from '../../../test/support/sign-in-world.ts';
import { csrfTokenOf, openPageSession } from '../../core/identity/page-session.ts';
import { signIn } from '../../core/identity/sign-in.ts';
import { signInPages } from './pages.ts';

const ORIGIN = 'https://airlock.example';

/** Somebody with a session of a page, and its sign-out. */
async function signedIn() {
  const world = signInWorld();
  const answer = await signIn(world.parts, { email: 'a@b.c', password: 'right' });
  if (answer.outcome !== 'signed_in') throw new Error(answer.outcome);
  const { cookie } = await openPageSession(world.parts, answer.session);
  const ended: string[] = [];
  const routes = signInPages({
    parts: world.parts,
    providers: [],
    endOwn: async ({ user_id }, sessionId) => void ended.push(`${user_id} ${sessionId}`),
  });
  const signOut = async (more: { cookie?: string | null; origin?: string; token?: string } = {}) => {
    const sent = more.cookie === undefined ? cookie : more.cookie;
    const found = routes.find(({ contract }) => contract.id === 'signOutOnPage');
    if (!found) throw new Error('there is one');
    return await found.handle({
      ...{ actor: actorOf([]), params: undefined, query: undefined, requestId: 'r', clientAddress: '192.0.2.1' },
      headers: { origin: more.origin ?? ORIGIN, 'x-airlock-public-origin': ORIGIN },
      cookies: sent === null ? [] : [`__Host-airlock_session=${sent}`],
      body: { csrf_token: more.token ?? csrfTokenOf(cookie) },
    });
  };
  return { ...world, cookie, ended, signOut };
}

const CLEARED = ['__Host-airlock_session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax'];

describe('signing out on a page', () => {
  it.each([
    ['at once', 0],
    ['after the time for which the session was fresh', 16 * 60_000],
  ])('%s ends the session, and takes its cookie back', async (_, laterMs) => {
    const { signOut, state, ended, pages } = await signedIn();
    state.now += laterMs;
    const answer = await signOut();
    expect(answer).toMatchObject({ status: 303, headers: { location: '/sign-in' }, cookies: CLEARED });
    expect(ended).toEqual(['user-1 session-1']);
    expect([...pages]).toEqual([]);
  });

  it('takes back the cookie of a session that is over', async () => {
    const { signOut, state, ended } = await signedIn();
    state.now += 3600_000;
    expect(await signOut()).toMatchObject({ status: 303, cookies: CLEARED });
    expect(ended).toEqual([]);
  });

  it('is nothing that another site can do to somebody', async () => {
    const { signOut, ended, pages } = await signedIn();
    await expect(signOut({ origin: 'https://evil.example' })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(signOut({ token: 'x'.repeat(43) })).rejects.toMatchObject({ code: 'forbidden' });
    // Without the cookie, as browsers send what another site made them send.
    expect(await signOut({ cookie: null, origin: 'https://evil.example' })).not.toHaveProperty('cookies');
    expect([ended, pages.size]).toEqual([[], 1]);
  });
});
