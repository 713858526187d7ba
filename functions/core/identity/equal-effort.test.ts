/** A credential of somebody and one of nobody cost the same: calls of stores and pool, and hashes, counted. */
import { describe, expect, it, vi } from 'vitest';
import { actorOf, identityOf, NOW } from '../../../test/support/entities.ts';
import { memoryApiKeys } from '../../../test/support/memory/api-keys.ts';
import { countedCalls } from '../../../test/support/port-calls.ts';
import { randomHex } from '../../../test/support/random.ts';
import { signInWorld } from '../../../test/support/sign-in-world.ts';
import { sha256 } from '../text/json.ts';
import { formatKey, makeKey, revokeKey, verifyKey } from './keys.ts';
import { rememberSignIn } from './remember.ts';
import { answerChallenge, refreshAccessToken, revokeToken, signIn } from './sign-in.ts';

// The real one, counted.
vi.mock('../text/json.ts', { spy: true });

const effortOf = async (during: ReturnType<typeof countedCalls>['during'], work: () => Promise<unknown>) => {
  vi.mocked(sha256).mockClear();
  const calls = await during(work);
  return { calls, hashes: vi.mocked(sha256).mock.calls.length };
};

const refused = { outcome: 'refused' };

function atTheDoor() {
  const here = signInWorld();
  const { counted, during } = countedCalls();
  const parts = {
    ...here.parts,
    ...{ pool: counted('pool', here.parts.pool), identities: counted('identities', here.parts.identities) },
    ...{ challenges: counted('challenges', here.parts.challenges), sessions: counted('sessions', here.parts.sessions) },
  };
  return { ...here, parts, effort: (work: () => Promise<unknown>) => effortOf(during, work) };
}

describe('what is refused costs the same', () => {
  it('for an account nobody has and for a wrong password', async () => {
    const { parts, effort, tokens, identities } = atTheDoor();
    await rememberSignIn({ identities, now: () => NOW }, tokens('session-0'));
    const attempt = (email: string) =>
      effort(async () => expect(await signIn(parts, { email, password: 'wrong' })).toEqual(refused));
    expect(await attempt('nobody@b.c')).toEqual(await attempt('a@b.c'));
    expect(await attempt('nobody@b.c')).toEqual({ calls: ['pool.withPassword'], hashes: 0 });
  });

  it('for a session nobody opened, one that ended, and a wrong secret of one that is open', async () => {
    const { parts, effort, enter } = atTheDoor();
    const [open, ended] = [await enter(), await enter()];
    const idOf = (token: string) => token.split('_')[1] ?? '';
    await parts.sessions.end(idOf(ended));
    const attempt = (session: string) =>
      effort(async () => {
        expect(await refreshAccessToken(parts, `alr_${session}_${'x'.repeat(86)}`)).toEqual(refused);
      });
    const ofNobody = await attempt('session-99');
    expect(ofNobody).toEqual({ calls: ['sessions.get'], hashes: 2 });
    for (const token of [open, ended]) expect(await attempt(idOf(token))).toEqual(ofNobody);
  });

  it('for revoking a token nobody was given, and one of a session that ended or by somebody who guesses', async () => {
    const { parts, effort, enter } = atTheDoor();
    const [open, ended] = [await enter(), await enter()];
    const idOf = (token: string) => token.split('_')[1] ?? '';
    await parts.sessions.end(idOf(ended));
    const attempt = (token: string) => effort(async () => expect(await revokeToken(parts, token)).toBeNull());
    const ofNobody = await attempt(`alr_session-99_${'x'.repeat(86)}`);
    expect(ofNobody).toEqual({ calls: ['sessions.get'], hashes: 1 });
    for (const token of [ended, `alr_${idOf(open)}_${'x'.repeat(86)}`]) expect(await attempt(token)).toEqual(ofNobody);
  });

  it('for a challenge nobody was given and for one whose time is over', async () => {
    const { parts, effort, state } = atTheDoor();
    state.roles = ['operator'];
    const answer = await signIn(parts, { email: 'a@b.c', password: 'right' });
    if (answer.outcome !== 'challenged') throw new Error(answer.outcome);
    state.now += 181_000;
    const attempt = (challenge_id: string) =>
      effort(async () => expect(await answerChallenge(parts, { challenge_id, code: '111111' })).toEqual(refused));
    expect(await attempt(answer.challenge.challenge_id)).toEqual(await attempt('x'.repeat(43)));
  });

  it('for a key nobody made, a wrong secret, one that was revoked, and one whose owner is disabled or gone', async () => {
    const { counted, during } = countedCalls();
    const [keys, developer] = [memoryApiKeys(), actorOf(['developer'])];
    const maker = { settings: { auto_rotation_days: 90, overlap_hours: 72, max_per_user: 50 }, randomHex, now: NOW };
    const people = new Map([['user-1', identityOf('user-1')]]);
    const identities = { get: async (id: string) => people.get(id) ?? null };
    const stores = { keys: counted('keys', keys), identities: counted('identities', identities) };
    const [good, revoked] = [makeKey(maker, developer, { name: 'ci' }), makeKey(maker, developer, { name: 'ci' })];
    for (const { row, record } of [good, revoked]) await keys.create(row, record);
    const change = revokeKey(revoked.row, developer, NOW);
    if (change) await keys.save(revoked.row, change.after, change.record);

    const attempt = (text: string) => effortOf(during, async () => expect(await verifyKey(stores, text, NOW)).toBeNull());
    const wrongSecret = formatKey(good.row.key_id.slice('key_'.length), randomHex(64));
    const ofNobody = await attempt(formatKey(randomHex(24), randomHex(64)));
    expect(ofNobody.calls).toEqual(['keys.get', 'identities.get']);
    expect(ofNobody.hashes).toBeGreaterThan(0);
    for (const text of [wrongSecret, revoked.key]) expect(await attempt(text)).toEqual(ofNobody);
    people.set('user-1', identityOf('user-1', { disabled: true }));
    expect(await attempt(good.key)).toEqual(ofNobody);
    people.clear();
    expect(await attempt(good.key)).toEqual(ofNobody);
  });
});
