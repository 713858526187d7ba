/** Signing in without a user pool or a table: a pool with one user, and what is kept of them in memory. */
import { randomBytes } from 'node:crypto';
import type { PageSession } from '../../functions/contracts/page-session.ts';
import type { PendingChallenge, Session } from '../../functions/contracts/sign-in.ts';
import type { PageParts } from '../../functions/core/identity/page-session.ts';
import { type PoolAnswer, type PoolTokens, refreshAccessToken, signIn } from '../../functions/core/identity/sign-in.ts';
import { NOW } from './entities.ts';
import { memoryIdentities } from './memory/identities.ts';

/** A pool with one user, who has or has not an authenticator app, and everything around it in memory. */
export function signInWorld({ roles = ['developer'], mfaRoles = ['operator'] }: { roles?: string[]; mfaRoles?: string[] } = {}) {
  const state = { roles, now: NOW.getTime(), hasApp: false, sessions: 0, revoked: [] as string[], signedOut: [] as string[] };
  const challenges = new Map<string, PendingChallenge & { tries: number }>();
  const sessions = new Map<string, Session>();
  const tokens = (sessionId: string): PoolTokens => ({
    ...{ user_id: 'user-1', email: 'a@b.c', roles: state.roles, access_token: 'access', id_token: 'id', expires_in_seconds: 900 },
    refresh_token: `pool-${sessionId}`,
    session_id: sessionId,
    provider: null,
    pool_username: null,
    issued_at: new Date(Math.floor(state.now / 1000) * 1000).toISOString(),
  });
  const opened = (): PoolAnswer => {
    state.sessions += 1;
    return { outcome: 'signed_in', tokens: tokens(`session-${state.sessions}`) };
  };
  const pages = new Map<string, PageSession>();
  const identities = memoryIdentities();
  const parts: PageParts = {
    freshSeconds: 900,
    pages: {
      create: async (hash, page) => void pages.set(hash, page),
      get: async (hash) => structuredClone(pages.get(hash) ?? null),
      freshen: async (hash, fresh_until) => {
        const page = pages.get(hash);
        if (page) pages.set(hash, { ...page, fresh_until });
      },
      remove: async (hash) => void pages.delete(hash),
    },
    identities,
    directory: { signOut: async ({ user_id }) => void state.signedOut.push(user_id) },
    settings: { mfaRoles, sessionSeconds: 3600, secondFactorProviders: ['Okta'] },
    now: () => new Date(state.now),
    wait: async (milliseconds) => {
      state.now += milliseconds;
    },
    random: () => randomBytes(32).toString('base64url'),
    pool: {
      withPassword: async (_, password) => {
        if (password !== 'right') return { outcome: 'refused' };
        return state.hasApp ? { outcome: 'challenged', kind: 'mfa', session: 's', pool_username: 'user-1' } : opened();
      },
      withCode: async (name, _session, code) => (name === 'user-1' && code === '111111' ? opened() : { outcome: 'refused' }),
      withNewPassword: async () => ({ outcome: 'refused' }),
      withRefreshToken: async (token) =>
        state.revoked.includes(token)
          ? { outcome: 'refused' }
          : { outcome: 'signed_in', tokens: tokens(token.replace('pool-', '')) },
      beginSecondFactor: async () => 'SECRET',
      finishSecondFactor: async (_, code) => {
        state.hasApp = code === '111111';
        return state.hasApp ? 'set_up' : 'wrong_code';
      },
      revoke: async (token) => void state.revoked.push(token),
    },
    pagePool: {
      withRefreshToken: async () => ({ outcome: 'refused' }),
      revoke: async (token) => void state.revoked.push(`page:${token}`),
    },
    challenges: {
      put: async (id, pending) => void challenges.set(id, { ...pending, tries: 0 }),
      attempt: async (id, now, most) => {
        const pending = challenges.get(id);
        if (!pending || pending.tries >= most || now.toISOString() >= pending.expires_at) return null;
        pending.tries += 1;
        return pending;
      },
      remove: async (id) => void challenges.delete(id),
    },
    sessions: {
      create: async (session) => void sessions.set(session.session_id, session),
      get: async (id) => structuredClone(sessions.get(id) ?? null),
      rotate: async (session, next) => {
        const row = sessions.get(session.session_id);
        if (!row || row.ended || row.current_sha256 !== session.current_sha256) return false;
        sessions.set(session.session_id, { ...row, ...next });
        return true;
      },
      end: async (id) => {
        const row = sessions.get(id);
        if (row) sessions.set(id, { ...row, ended: true });
      },
    },
  };
  const enter = async () => {
    const answer = await signIn(parts, { email: 'a@b.c', password: 'right' });
    if (answer.outcome !== 'signed_in') throw new Error(answer.outcome);
    return answer.tokens.refresh_token;
  };
  const goOn = async (token: string) => {
    const answer = await refreshAccessToken(parts, token);
    if (answer.outcome !== 'signed_in') throw new Error(answer.outcome);
    return answer.tokens.refresh_token;
  };
  return { parts, identities, state, sessions, pages, tokens, enter, goOn };
}
