/**
 * Signing in, staying signed in, and the end of it. Whatever the user pool says is not enough by itself: a role may want a second
 * factor, a user may be disabled, a session may have ended. Refresh tokens are ours and work once; the pool's own never leaves.
 */
import { timingSafeEqual } from 'node:crypto';
import type { IdentityRecord } from '../../contracts/identity.ts';
import {
  type Challenge,
  type ChallengeAnswer,
  type ChallengeKind,
  type PendingChallenge,
  REFRESH_TOKEN_PATTERN,
  type Session,
  type Tokens,
} from '../../contracts/sign-in.ts';
import { appendToChain } from '../audit/chain.ts';
import { sha256 as hashOf } from '../text/json.ts';
import type { Actor } from './actor.ts';
import { wantSecondFactor } from './current.ts';
import type { IdentityStore, SignedIn, UserDirectory } from './ports.ts';
import { rememberSignIn } from './remember.ts';

export interface PoolTokens extends SignedIn {
  /** The provider that says who this is; null for the pool itself. */
  readonly provider: string | null;
  readonly access_token: string;
  readonly id_token: string;
  readonly refresh_token: string;
  readonly expires_in_seconds: number;
  readonly session_id: string;
}

export type PoolAnswer =
  | { readonly outcome: 'signed_in'; readonly tokens: PoolTokens }
  /** The password is right, and the pool wants something more first. */
  | {
      readonly outcome: 'challenged';
      readonly kind: 'mfa' | 'new_password';
      readonly session: string;
      readonly pool_username: string;
    }
  | { readonly outcome: 'refused' }
  /** Says which rules the new password breaks. */
  | { readonly outcome: 'unfit_password'; readonly detail: string }
  | { readonly outcome: 'slow_down' };

/** The user pool, as far as signing in goes. */
export interface SignInPool {
  withPassword(email: string, password: string): Promise<PoolAnswer>;
  withCode(poolUsername: string, session: string, code: string): Promise<PoolAnswer>;
  withNewPassword(poolUsername: string, session: string, password: string): Promise<PoolAnswer>;
  withRefreshToken(refreshToken: string): Promise<PoolAnswer>;
  /** The secret an authenticator app is to keep for the holder of this access token. */
  beginSecondFactor(accessToken: string): Promise<string>;
  finishSecondFactor(accessToken: string, code: string): Promise<'set_up' | 'wrong_code'>;
  revoke(refreshToken: string): Promise<void>;
}

export interface ChallengeStore {
  put(idHash: string, pending: PendingChallenge): Promise<void>;
  /** The challenge, counting one try; null when there is none, its time is over, or too many tries were made. */
  attempt(idHash: string, now: Date, most: number): Promise<PendingChallenge | null>;
  remove(idHash: string): Promise<void>;
}

export interface SessionStore {
  create(session: Session): Promise<void>;
  get(sessionId: string): Promise<Session | null>;
  /** False when somebody else rotated or ended it since it was read. */
  rotate(
    session: Session,
    next: { current_sha256: string; previous_sha256: string; provider_refresh_token: string; rotated_at: string },
  ): Promise<boolean>;
  end(sessionId: string): Promise<void>;
}

export interface SignInParts {
  readonly pool: SignInPool;
  /** The same pool, for what began on its own sign-in page. */
  readonly pagePool: Pick<SignInPool, 'withRefreshToken' | 'revoke'>;
  /** The same users, ended by us whatever they hold. */
  readonly directory: Pick<UserDirectory, 'signOut'>;
  readonly identities: IdentityStore;
  readonly challenges: ChallengeStore;
  readonly sessions: SessionStore;
  readonly settings: {
    readonly mfaRoles: readonly string[];
    readonly sessionSeconds: number;
    /** Providers that see to a second factor themselves. */
    readonly secondFactorProviders: readonly string[];
  };
  readonly now: () => Date;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** 256 random bits in base64url. */
  readonly random: () => string;
}

export type SignInAnswer =
  | { readonly outcome: 'signed_in'; readonly tokens: Tokens; readonly session: Session }
  | { readonly outcome: 'challenged'; readonly challenge: Challenge }
  | { readonly outcome: 'unfit_password'; readonly detail: string }
  /** Whose account it was about, where only a challenge said so. */
  | { readonly outcome: 'refused'; readonly account?: string }
  /** The session was opened without one, and a role that its holder has by now wants one. */
  | { readonly outcome: 'second_factor_wanted' }
  | { readonly outcome: 'slow_down' };

const REFUSED: SignInAnswer = { outcome: 'refused' };
const CHALLENGE_SECONDS = 180;
const MOST_TRIES = 3;
/** So long after its use a refresh token is taken for a repeat whose answer was lost, and not for a copy. */
const REPEAT_MS = 10_000;

const isSame = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** `second_factor`: whoever signs in wants to be asked for one, also where no role of theirs does. */
export interface Credentials {
  readonly email: string;
  readonly password: string;
  readonly second_factor?: boolean | undefined;
}

export async function signIn(parts: SignInParts, { email, password, second_factor = false }: Credentials): Promise<SignInAnswer> {
  const answer = await parts.pool.withPassword(email, password);
  return await goOn(parts, email, answer, 'password', second_factor);
}

export async function answerChallenge(parts: SignInParts, answer: ChallengeAnswer): Promise<SignInAnswer> {
  const idHash = hashOf(answer.challenge_id);
  const pending = await parts.challenges.attempt(idHash, parts.now(), MOST_TRIES);
  if (!pending) return REFUSED;
  const answered = await answerPending(parts, pending, answer);
  // A wrong code may be typed again; everything else is over.
  if (answered.outcome !== 'refused' && answered.outcome !== 'unfit_password') await parts.challenges.remove(idHash);
  return answered.outcome === 'refused' ? { outcome: 'refused', account: pending.email } : answered;
}

async function answerPending(parts: SignInParts, pending: PendingChallenge, answer: ChallengeAnswer): Promise<SignInAnswer> {
  const { kind, email, pool_username: name, provider_session: session, held_refresh_token: held } = pending;
  if (kind === 'new_password') {
    if (answer.new_password === undefined || session === null) return REFUSED;
    return await goOn(parts, email, await parts.pool.withNewPassword(name, session, answer.new_password), 'password');
  }
  if (answer.code === undefined) return REFUSED;
  if (kind === 'mfa') {
    if (session === null) return REFUSED;
    return await goOn(parts, email, await parts.pool.withCode(name, session, answer.code), 'code');
  }
  if (held === null) return REFUSED;
  const again = await parts.pool.withRefreshToken(held);
  if (again.outcome !== 'signed_in') return REFUSED;
  if ((await parts.pool.finishSecondFactor(again.tokens.access_token, answer.code)) === 'wrong_code') return REFUSED;
  return await goOn(parts, email, { outcome: 'signed_in', tokens: again.tokens }, 'code');
}

const NEXT_SECOND_MS = 1100;

/** What the pool answered, and what we want beyond it. */
async function goOn(
  parts: SignInParts,
  email: string,
  answer: PoolAnswer,
  by: 'password' | 'code',
  isAskedFor = false,
): Promise<SignInAnswer> {
  if (answer.outcome === 'challenged') {
    const { kind, session, pool_username } = answer;
    const kept = { kind, email, pool_username, provider_session: session, held_refresh_token: null };
    return { outcome: 'challenged', challenge: await keepChallenge(parts, kept) };
  }
  if (answer.outcome !== 'signed_in') return answer;
  const identity = await rememberSignIn(parts, answer.tokens);
  if (identity.disabled) {
    await parts.pool.revoke(answer.tokens.refresh_token);
    return REFUSED;
  }
  const tokens = await pastRevocation(parts, identity, answer.tokens);
  if (!tokens) return REFUSED;
  if (by === 'password' && (isAskedFor || wantsSecondFactor(parts, identity)))
    return await setUpSecondFactor(parts, email, tokens);
  return { outcome: 'signed_in', ...(await openSession(parts, tokens, { client: 'api', second_factor: by === 'code' })) };
}

/** A token made in the second of a revocation counts as made before it, and would be worth nothing: then a later one takes its place. */
async function pastRevocation(
  parts: Pick<SignInParts, 'now' | 'wait'> & { readonly pool: SignInParts['pagePool'] },
  identity: IdentityRecord,
  given: PoolTokens,
): Promise<PoolTokens | null> {
  if (identity.valid_after === null) return given;
  const sinceMs = parts.now().getTime() - Date.parse(identity.valid_after);
  if (sinceMs >= NEXT_SECOND_MS) return given;
  await parts.wait(NEXT_SECOND_MS - sinceMs);
  const again = await parts.pool.withRefreshToken(given.refresh_token);
  return again.outcome === 'signed_in' ? again.tokens : null;
}

const wantsSecondFactor = ({ settings }: SignInParts, { roles }: IdentityRecord): boolean =>
  wantSecondFactor(roles, settings.mfaRoles);

/** The pool let somebody in by the password alone, so they have no second factor yet: they get their tokens when they have one. */
async function setUpSecondFactor(parts: SignInParts, email: string, held: PoolTokens): Promise<SignInAnswer> {
  const secret = await parts.pool.beginSecondFactor(held.access_token);
  const shown = await keepChallenge(parts, {
    kind: 'set_up_mfa',
    email,
    pool_username: held.pool_username ?? held.user_id,
    provider_session: null,
    held_refresh_token: held.refresh_token,
  });
  const otpauth = `otpauth://totp/Airlock:${encodeURIComponent(email)}?secret=${secret}&issuer=Airlock`;
  return { outcome: 'challenged', challenge: { ...shown, secret, otpauth_uri: otpauth } };
}

const DETAILS: Record<ChallengeKind, string> = {
  mfa: 'Send the six digits of your authenticator app as `code`.',
  set_up_mfa: 'You sign in with a second factor. Add the secret to an authenticator app, then send its six digits as `code`.',
  new_password: 'Choose a password of your own and send it as `new_password`.',
};

async function keepChallenge(parts: SignInParts, pending: Omit<PendingChallenge, 'expires_at'>): Promise<Challenge> {
  const id = parts.random();
  const expiresAt = new Date(parts.now().getTime() + CHALLENGE_SECONDS * 1000).toISOString();
  await parts.challenges.put(hashOf(id), { ...pending, expires_at: expiresAt });
  return {
    challenge: pending.kind,
    challenge_id: id,
    expires_in_seconds: CHALLENGE_SECONDS,
    detail: DETAILS[pending.kind],
  };
}

/**
 * Whoever has signed in on the page of the pool or of a provider. That page asked for what it asks for: where a role wants a second
 * factor, only a provider that is known to ask for one will do.
 */
export async function signInFromPage(parts: SignInParts, given: PoolTokens): Promise<SignInAnswer> {
  const identity = await rememberSignIn(parts, given);
  const isVouchedFor = given.provider !== null && parts.settings.secondFactorProviders.includes(given.provider);
  if (identity.disabled || (wantsSecondFactor(parts, identity) && !isVouchedFor)) {
    await parts.pagePool.revoke(given.refresh_token);
    return REFUSED;
  }
  const tokens = await pastRevocation({ ...parts, pool: parts.pagePool }, identity, given);
  if (!tokens) return REFUSED;
  return { outcome: 'signed_in', ...(await openSession(parts, tokens, { client: 'page', second_factor: isVouchedFor })) };
}

const poolOf = (parts: Pick<SignInParts, 'pool' | 'pagePool'>, session: Session): SignInParts['pagePool'] =>
  session.client === 'page' ? parts.pagePool : parts.pool;

async function openSession(
  parts: SignInParts,
  given: PoolTokens,
  how: Pick<Session, 'client' | 'second_factor'>,
): Promise<{ tokens: Tokens; session: Session }> {
  const now = parts.now();
  const family = parts.random();
  const refreshToken = `alr_${given.session_id}_${family}${parts.random()}`;
  const session: Session = {
    session_id: given.session_id,
    user_id: given.user_id,
    email: given.email ?? '',
    provider_refresh_token: given.refresh_token,
    ...how,
    family_sha256: hashOf(family),
    current_sha256: hashOf(refreshToken),
    previous_sha256: null,
    rotated_at: now.toISOString(),
    created_at: now.toISOString(),
    expires_at: new Date(now.getTime() + parts.settings.sessionSeconds * 1000).toISOString(),
    ended: false,
  };
  await parts.sessions.create(session);
  return { tokens: tokensOf(given, refreshToken), session };
}

const tokensOf = (given: PoolTokens, refreshToken: string): Tokens => ({
  access_token: given.access_token,
  refresh_token: refreshToken,
  token_type: 'Bearer',
  expires_in_seconds: given.expires_in_seconds,
});

/** `copied` says that a refresh token was used that had been used before, however long ago; its session ended with it. */
export async function refreshAccessToken(
  parts: SignInParts,
  refreshToken: string,
): Promise<SignInAnswer | { readonly outcome: 'copied'; readonly user_id: string; readonly session_id: string }> {
  const [, sessionId, family = ''] = REFRESH_TOKEN_PATTERN.exec(refreshToken) ?? [];
  const session = sessionId === undefined ? null : await parts.sessions.get(sessionId);
  const now = parts.now();
  // Before anything is known of the session: one that nobody opened takes no less time than a guess at one that is open.
  const [presented, presentedFamily] = [hashOf(refreshToken), hashOf(family)];
  if (!session || session.ended || now.toISOString() >= session.expires_at) return REFUSED;
  const isCurrent = isSame(presented, session.current_sha256);
  const isPrevious = session.previous_sha256 !== null && isSame(presented, session.previous_sha256);
  const isRepeat = isPrevious && now.getTime() - Date.parse(session.rotated_at) < REPEAT_MS;
  // Whoever knows the session's name but no secret of it must not be able to end it.
  if (!isSame(presentedFamily, session.family_sha256)) return REFUSED;
  if (!isCurrent && !isRepeat) {
    await endFor(parts, session, 'copied_token');
    return { outcome: 'copied', user_id: session.user_id, session_id: session.session_id };
  }
  const answer = await askAgain(parts, session);
  if (answer.outcome !== 'signed_in') return answer;
  const next = `alr_${session.session_id}_${family}${parts.random()}`;
  const isRotated = await parts.sessions.rotate(session, {
    current_sha256: hashOf(next),
    previous_sha256: presented,
    provider_refresh_token: answer.tokens.refresh_token,
    // Repeating does not make the time for it longer.
    rotated_at: isRepeat ? session.rotated_at : now.toISOString(),
  });
  // Somebody else was at it in the same moment, with the same token.
  return isRotated ? { outcome: 'signed_in', tokens: tokensOf(answer.tokens, next), session } : REFUSED;
}

/**
 * Ends the session of a refresh token, also of one that was used: whoever found one can. Null for any other text, and for a session that is over;
 * it costs the same.
 */
export async function revokeToken(parts: SignInParts, refreshToken: string): Promise<{ readonly user_id: string } | null> {
  const [, sessionId, family = ''] = REFRESH_TOKEN_PATTERN.exec(refreshToken) ?? [];
  const session = sessionId === undefined ? null : await parts.sessions.get(sessionId);
  const presentedFamily = hashOf(family);
  if (!session || session.ended || parts.now().toISOString() >= session.expires_at) return null;
  if (!isSame(presentedFamily, session.family_sha256)) return null;
  await endFor(parts, session, 'token_revoked');
  return { user_id: session.user_id };
}

/** The pool says again who somebody is; refused when anything has taken their session from them meanwhile. */
export async function askAgain(
  parts: SignInParts,
  session: Session,
): Promise<{ outcome: 'signed_in'; tokens: PoolTokens } | { outcome: 'refused' | 'second_factor_wanted' | 'slow_down' }> {
  if (session.ended || parts.now().toISOString() >= session.expires_at) return { outcome: 'refused' };
  const identity = await parts.identities.get(session.user_id);
  const isRevoked = identity?.valid_after !== null && identity !== null && session.created_at <= identity.valid_after;
  if (!identity || identity.disabled || isRevoked) return { outcome: 'refused' };
  const answer = await poolOf(parts, session).withRefreshToken(session.provider_refresh_token);
  if (answer.outcome !== 'signed_in') return { outcome: answer.outcome === 'slow_down' ? 'slow_down' : 'refused' };
  const now = await rememberSignIn(parts, answer.tokens);
  if (session.second_factor || !wantsSecondFactor(parts, now)) return answer;
  await endFor(parts, session, 'second_factor_wanted');
  return { outcome: 'second_factor_wanted' };
}

/** Ends it for a reason its holder did not give. Its row says so first: that is what its access tokens are held against. */
async function endFor(parts: SignInParts, session: Session, reason: string): Promise<void> {
  await parts.sessions.end(session.session_id);
  await changeIdentity(parts, session, 'session_ended', { session_id: session.session_id, reason }, (row) => row);
  await poolOf(parts, session).revoke(session.provider_refresh_token);
}

const MAX_TRIES = 4;

/** Ends one session, and its access tokens with it. */
export async function endSession(
  parts: Pick<SignInParts, 'pool' | 'pagePool' | 'identities' | 'sessions' | 'now'>,
  actor: Pick<Actor, 'user_id'>,
  sessionId: string,
): Promise<'ended' | 'busy'> {
  const session = await parts.sessions.get(sessionId);
  await parts.sessions.end(sessionId);
  const ended = await changeIdentity(parts, actor, 'signed_out', { session_id: sessionId }, (row) => row);
  if (session) await poolOf(parts, session).revoke(session.provider_refresh_token);
  return ended;
}

/** Ends every session of somebody, because somebody else, or the watch over security, says so. */
export async function endSessionsOf(
  parts: Pick<SignInParts, 'identities' | 'directory' | 'now'>,
  userId: string,
  by: { readonly actor: string; readonly reason: string },
): Promise<void> {
  const at = parts.now().toISOString();
  const change = (row: IdentityRecord) => ({ ...row, valid_after: at });
  const ended = await changeIdentity(parts, { user_id: userId }, 'all_signed_out', { reason: by.reason, by: by.actor }, change);
  if (ended === 'busy') throw new Error(`the sessions of ${userId} could not be ended: others change the user`);
  await signOutAtPool(parts, userId);
}

/** Ends every session of the actor: what was issued until now counts for nothing. */
export async function endAllSessions(
  parts: Pick<SignInParts, 'identities' | 'directory' | 'now'>,
  actor: Actor,
): Promise<'ended' | 'busy'> {
  const at = parts.now().toISOString();
  const ended = await changeIdentity(parts, actor, 'all_signed_out', {}, (row) => ({ ...row, valid_after: at }));
  if (ended === 'ended') await signOutAtPool(parts, actor.user_id);
  return ended;
}

/** The row has ended everything here already; this ends what the pool itself would still take. */
async function signOutAtPool(parts: Pick<SignInParts, 'identities' | 'directory'>, userId: string): Promise<void> {
  const identity = await parts.identities.get(userId);
  if (identity) await parts.directory.signOut(identity);
}

async function changeIdentity(
  { identities, now }: Pick<SignInParts, 'identities' | 'now'>,
  actor: Pick<Actor, 'user_id'>,
  action: string,
  details: Record<string, string>,
  change: (row: IdentityRecord) => IdentityRecord,
): Promise<'ended' | 'busy'> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const before = await identities.get(actor.user_id);
    if (!before) return 'ended';
    const draft = { action, actor: actor.user_id, at: now().toISOString(), details };
    const { record, end } = appendToChain(`user#${actor.user_id}`, before, draft);
    if ((await identities.save(before, { ...change(before), ...end }, record)) === 'saved') return 'ended';
  }
  return 'busy';
}
