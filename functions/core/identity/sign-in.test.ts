import { describe, expect, it } from 'vitest';
import { actorOf, NOW } from '../../../test/support/entities.ts';
import { signInWorld } from '../../../test/support/sign-in-world.ts';
import { appendToChain } from '../audit/chain.ts';
import { standingOf } from './current.ts';
import { rememberSignIn } from './remember.ts';
import {
  answerChallenge,
  endAllSessions,
  endSession,
  refreshAccessToken,
  revokeToken,
  signIn,
  signInFromPage,
} from './sign-in.ts';

describe('a refresh token', () => {
  it('that comes again after its time ends the session for whoever has copies of it', async () => {
    const { parts, identities, state, enter, goOn } = signInWorld();
    const first = await enter();
    const second = await goOn(first);
    state.now += 10_001;
    expect(await refreshAccessToken(parts, first)).toEqual({ outcome: 'copied', user_id: 'user-1', session_id: 'session-1' });
    expect(await refreshAccessToken(parts, second)).toEqual({ outcome: 'refused' });
    expect(state.revoked).toEqual(['pool-session-1']);
    expect(identities.audit.at(-1)).toMatchObject({ action: 'session_ended', details: { reason: 'copied_token' } });
  });

  it('is known as a copy however many came after it', async () => {
    const { parts, state, enter, goOn } = signInWorld();
    const first = await enter();
    let newest = first;
    for (let times = 0; times < 5; times += 1) {
      state.now += 900_000 / 2;
      newest = await goOn(newest);
    }
    expect(await refreshAccessToken(parts, first)).toMatchObject({ outcome: 'copied' });
    expect(await refreshAccessToken(parts, newest)).toEqual({ outcome: 'refused' });
  });

  it('that was never given ends nothing, whoever made it up', async () => {
    const { parts, enter, goOn } = signInWorld();
    const token = await enter();
    const [, sessionId] = token.split('_');
    expect(await refreshAccessToken(parts, `alr_${sessionId}_${'x'.repeat(86)}`)).toEqual({ outcome: 'refused' });
    await goOn(token);
  });

  it('that comes again at once, because an answer was lost, gets another', async () => {
    const { state, enter, goOn } = signInWorld();
    const first = await enter();
    await goOn(first);
    state.now += 9000;
    // However often, and never for longer.
    await goOn(first);
    await goOn(await goOn(first));
  });

  it('does not live longer by being repeated', async () => {
    const { parts, state, enter, goOn } = signInWorld();
    const first = await enter();
    await goOn(first);
    state.now += 6000;
    await goOn(first);
    state.now += 6000;
    expect(await refreshAccessToken(parts, first)).toMatchObject({ outcome: 'copied' });
  });

  it('used by two at the same moment serves one of them', async () => {
    const { parts, enter } = signInWorld();
    const token = await enter();
    const answers = await Promise.all([refreshAccessToken(parts, token), refreshAccessToken(parts, token)]);
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['refused', 'signed_in']);
  });

  it('is worth nothing once the session’s time is over', async () => {
    const { parts, state, enter } = signInWorld();
    const token = await enter();
    state.now += 3600_000;
    expect(await refreshAccessToken(parts, token)).toEqual({ outcome: 'refused' });
  });
});

describe('a role that wants a second factor', () => {
  it('gets no tokens before there is one', async () => {
    const { parts, sessions } = signInWorld({ roles: ['operator'] });
    const answer = await signIn(parts, { email: 'a@b.c', password: 'right' });
    expect(answer).toMatchObject({ outcome: 'challenged', challenge: { challenge: 'set_up_mfa', secret: 'SECRET' } });
    expect(JSON.stringify(answer)).not.toContain('access"');
    expect(sessions.size).toBe(0);
    if (answer.outcome !== 'challenged') return;
    const { challenge_id } = answer.challenge;
    expect(await answerChallenge(parts, { challenge_id, new_password: 'x' })).toEqual({ outcome: 'refused', account: 'a@b.c' });
    expect(await answerChallenge(parts, { challenge_id, code: '000000' })).toEqual({ outcome: 'refused', account: 'a@b.c' });
    expect(await answerChallenge(parts, { challenge_id, code: '111111' })).toMatchObject({ outcome: 'signed_in' });
    expect(await answerChallenge(parts, { challenge_id, code: '111111' })).toEqual({ outcome: 'refused' });
  });

  it('is asked for by whoever wants one, whatever their roles; the session says that it has it', async () => {
    const { parts, sessions } = signInWorld();
    const wanted = { email: 'a@b.c', password: 'right', second_factor: true };
    const answer = await signIn(parts, wanted);
    expect(answer).toMatchObject({ outcome: 'challenged', challenge: { challenge: 'set_up_mfa' } });
    if (answer.outcome !== 'challenged') return;
    const { challenge_id } = answer.challenge;
    expect(await answerChallenge(parts, { challenge_id, code: '111111' })).toMatchObject({ outcome: 'signed_in' });
    expect([...sessions.values()]).toMatchObject([{ second_factor: true }]);
  });

  it('names the account a wrong code was for, to whoever counts such tries', async () => {
    const { parts, state } = signInWorld();
    state.hasApp = true;
    const answer = await signIn(parts, { email: 'a@b.c', password: 'right' });
    if (answer.outcome !== 'challenged') throw new Error('no code was asked for');
    const { challenge_id } = answer.challenge;
    expect(await answerChallenge(parts, { challenge_id, code: '000000' })).toEqual({ outcome: 'refused', account: 'a@b.c' });
    expect(await answerChallenge(parts, { challenge_id: 'another', code: '000000' })).toEqual({ outcome: 'refused' });
  });

  it('has three tries and three minutes for its code', async () => {
    const { parts, state } = signInWorld();
    state.hasApp = true;
    const begin = async () => {
      const answer = await signIn(parts, { email: 'a@b.c', password: 'right' });
      if (answer.outcome !== 'challenged') throw new Error(answer.outcome);
      return answer.challenge.challenge_id;
    };
    const guessed = await begin();
    for (let tries = 0; tries < 3; tries += 1) await answerChallenge(parts, { challenge_id: guessed, code: '000000' });
    expect(await answerChallenge(parts, { challenge_id: guessed, code: '111111' })).toEqual({ outcome: 'refused' });
    const late = await begin();
    state.now += 180_000;
    expect(await answerChallenge(parts, { challenge_id: late, code: '111111' })).toEqual({ outcome: 'refused' });
  });
});

describe('a role that wants a second factor and comes later', () => {
  it('ends a session that was opened by a password alone, and says why', async () => {
    const { parts, state, sessions, enter } = signInWorld();
    const token = await enter();
    state.roles = ['operator'];
    expect(await refreshAccessToken(parts, token)).toEqual({ outcome: 'second_factor_wanted' });
    expect(sessions.get('session-1')).toMatchObject({ ended: true });
    expect(state.revoked).toEqual(['pool-session-1']);
    expect(await refreshAccessToken(parts, token)).toEqual({ outcome: 'refused' });
  });

  it('is no use to an access token made before it either', async () => {
    const { parts, sessions, enter } = signInWorld();
    await enter();
    const identity = await parts.identities.get('user-1');
    if (!identity) throw new Error('nobody');
    const standing = (roles: string[]) =>
      standingOf({ ...identity, roles }, sessions.get('session-1') ?? null, NOW.toISOString(), {
        mfaRoles: ['operator'],
        now: NOW,
      });
    expect(standing(['developer'])).toBe('accepted');
    expect(standing(['operator'])).toBe('second_factor_wanted');
  });

  it('leaves alone a session that was opened with one', async () => {
    const { parts, state, goOn } = signInWorld();
    state.hasApp = true;
    const asked = await signIn(parts, { email: 'a@b.c', password: 'right' });
    if (asked.outcome !== 'challenged') throw new Error(asked.outcome);
    const answer = await answerChallenge(parts, { challenge_id: asked.challenge.challenge_id, code: '111111' });
    if (answer.outcome !== 'signed_in') throw new Error(answer.outcome);
    state.roles = ['operator'];
    await goOn(answer.tokens.refresh_token);
    const identity = await parts.identities.get('user-1');
    const rules = { mfaRoles: ['operator'], now: NOW };
    expect(identity && standingOf(identity, answer.session, NOW.toISOString(), rules)).toBe('accepted');
  });
});

describe('the end of a session', () => {
  it('holds for its access tokens, and not for those of others', async () => {
    const { parts, enter } = signInWorld();
    const token = await enter();
    await enter();
    await endSession(parts, actorOf(['developer']), 'session-1');
    const identity = await parts.identities.get('user-1');
    if (!identity) throw new Error('nobody');
    const standing = async (id: string) =>
      standingOf(identity, await parts.sessions.get(id), NOW.toISOString(), { mfaRoles: [], now: NOW });
    expect(await standing('session-1')).toBe('over');
    expect(await standing('session-2')).toBe('accepted');
    // The pool gave a token for it, and nobody here did.
    expect(await standing('session-3')).toBe('over');
    const others = { ...identity, user_id: 'user-2' };
    const open = await parts.sessions.get('session-2');
    expect(standingOf(others, open, NOW.toISOString(), { mfaRoles: [], now: NOW })).toBe('over');
    expect(await refreshAccessToken(parts, token)).toEqual({ outcome: 'refused' });
  });

  it('comes from whoever holds a refresh token of it, current or used, and from nobody who made one up', async () => {
    const { parts, enter, goOn, identities, tokens } = signInWorld();
    await rememberSignIn(parts, tokens('session-0'));
    const [used, other] = [await enter(), await enter()];
    const current = await goOn(used);
    expect(await revokeToken(parts, `alr_session-1_${'x'.repeat(86)}`)).toBeNull();
    expect((await refreshAccessToken(parts, current)).outcome).toBe('signed_in');
    expect(await revokeToken(parts, used)).toEqual({ user_id: 'user-1' });
    expect(await refreshAccessToken(parts, current)).toEqual({ outcome: 'refused' });
    expect(await revokeToken(parts, used)).toBeNull();
    expect((await refreshAccessToken(parts, other)).outcome).toBe('signed_in');
    expect((await identities.get('user-1'))?.audit_length).toBeGreaterThan(0);
  });

  it('of all sessions leaves none, and the next sign-in waits until its token counts as later', async () => {
    const { parts, state, enter } = signInWorld();
    const tokens = [await enter(), await enter()];
    await endAllSessions(parts, actorOf(['developer']));
    for (const token of tokens) expect(await refreshAccessToken(parts, token)).toEqual({ outcome: 'refused' });
    expect(state.signedOut).toEqual(['user-1']);
    const before = state.now;
    await enter();
    expect(state.now - before).toBeGreaterThanOrEqual(1000);
  });
});

describe('signing in on another page', () => {
  const given = (world: ReturnType<typeof signInWorld>, provider: string | null) => ({ ...world.tokens('session-9'), provider });

  it('opens a session that goes on as the client of that page', async () => {
    const world = signInWorld();
    const answer = await signInFromPage(world.parts, given(world, null));
    expect(answer).toMatchObject({ outcome: 'signed_in', session: { client: 'page', session_id: 'session-9' } });
    await endSession(world.parts, actorOf(['developer']), 'session-9');
    expect(world.state.revoked).toEqual(['page:pool-session-9']);
  });

  it('does for a role that wants a second factor only at a provider that asks for one', async () => {
    for (const [provider, outcome] of [
      [null, 'refused'],
      ['Other', 'refused'],
      ['Okta', 'signed_in'],
    ] as const) {
      const world = signInWorld({ roles: ['operator'] });
      expect((await signInFromPage(world.parts, given(world, provider))).outcome, String(provider)).toBe(outcome);
      expect(world.sessions.size).toBe(outcome === 'signed_in' ? 1 : 0);
      expect(world.state.revoked).toEqual(outcome === 'signed_in' ? [] : ['page:pool-session-9']);
    }
  });

  it('does not bring back somebody who is disabled', async () => {
    const world = signInWorld();
    const before = await rememberSignIn(world.parts, given(world, 'Okta'));
    const draft = { action: 'user_changed', actor: 'admin', at: NOW.toISOString(), details: {} };
    const { record, end } = appendToChain('user#user-1', before, draft);
    await world.parts.identities.save(before, { ...before, disabled: true, ...end }, record);
    expect(await signInFromPage(world.parts, given(world, 'Okta'))).toEqual({ outcome: 'refused' });
  });
});
