import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { dynamoApiKeys, dynamoKeyUsage } from '../adapters/dynamo/api-keys.ts';
import { dynamoHolders, dynamoIdentities } from '../adapters/dynamo/identities.ts';
import { dynamoPageSessions } from '../adapters/dynamo/page-sessions.ts';
import type { IdentityRecord } from '../contracts/identity.ts';
import { type Actor, permissionsOf } from '../core/identity/actor.ts';
import { authenticateJwt, type TokenClaims } from '../core/identity/authenticate.ts';
import { type HolderStore, standingOf } from '../core/identity/current.ts';
import { keyNetworkOf } from '../core/identity/key-networks.ts';
import { permissionsOfKey } from '../core/identity/key-scope.ts';
import { statusOf, verifyKey } from '../core/identity/keys.ts';
import { isFresh, readPageSession, whyNotOwnPage } from '../core/identity/page-session.ts';
import { readConfiguration } from './configuration.ts';
import { publicOriginOf, sessionCookieOf } from './cookies.ts';
import { ApiError, secondFactorWanted } from './errors.ts';
import { log } from './log.ts';
import { poolKeys } from './pool-keys.ts';
import { clock } from './system.ts';

interface Settings {
  readonly IDENTITY_TABLE: string;
  readonly EPHEMERA_TABLE: string;
  readonly USER_POOL_ID: string;
  readonly USER_POOL_CLIENT_ID: string;
}

interface Request {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly cookies?: readonly string[] | undefined;
  readonly requestContext: { readonly http: { readonly method: string } };
}

export interface Authenticated {
  readonly actor: Actor;
  /** What the caller is told beside the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is written beside the answer; it never fails, and must not be left undone when the function is frozen. */
  readonly noted: Promise<'noted' | 'new_network'>;
}

export type Authenticate = (request: Request, clientAddress: string) => Promise<Authenticated>;

/**
 * Who is calling: the holder of an access token, of an API key, or of the cookie of a page. What they may do is what the identity's row
 * says now, not what the token said when it was made: without a row, nothing.
 */
export function authentication(settings: Settings): Authenticate {
  const byToken = tokenAuthentication(settings);
  const byKey = keyAuthentication(settings);
  const byCookie = cookieAuthentication(settings);
  return async (request, clientAddress) => {
    const { headers } = request;
    const bearer = /^Bearer ([A-Za-z0-9._-]+)$/i.exec(headers.authorization ?? '')?.[1];
    const key = headers['x-api-key'];
    if (key !== undefined && headers.authorization !== undefined) {
      throw new ApiError('malformed_request', 'Send either Authorization or X-API-Key: two credentials may be of two people.');
    }
    if (key !== undefined) return await byKey(key, clientAddress);
    // Browsers send cookies of their own accord: a credential that was sent on purpose counts alone, also if it is no good.
    const cookie = headers.authorization === undefined ? sessionCookieOf(request) : null;
    if (cookie !== null) return await byCookie(cookie, request);
    if (!bearer)
      throw unauthenticated('Send `Authorization: Bearer <access token or API key>`; POST /api/v1/auth/login gives a token.');
    return bearer.startsWith('alk_') ? await byKey(bearer, clientAddress) : await byToken(bearer);
  };
}

function tokenAuthentication(settings: Settings): (token: string) => Promise<Authenticated> {
  const { authentication: rules, authorization } = readConfiguration().security;
  const verifier = CognitoJwtVerifier.create(
    { userPoolId: settings.USER_POOL_ID, clientId: settings.USER_POOL_CLIENT_ID, tokenUse: 'access' },
    { jwksCache: poolKeys(settings.IDENTITY_TABLE) },
  );
  const verify = async (token: string): Promise<TokenClaims | null> => {
    try {
      const { sub, origin_jti, jti, iat } = await verifier.verify(token);
      return { user_id: sub, session_id: origin_jti, token_id: jti, issued_at: new Date(iat * 1000).toISOString() };
    } catch (error) {
      if (error instanceof ApiError) throw error;
      return null;
    }
  };
  const parts = { verify, holders: holderStore(settings), granted: authorization.roles };

  return async (token) => {
    const answer = await authenticateJwt(parts, token, { mfaRoles: rules.mfa.required_for_roles, now: clock.now() });
    if (answer.outcome === 'refused') throw notValid();
    if (answer.outcome === 'second_factor_wanted') throw secondFactorWanted();
    return { actor: answer.actor, headers: {}, noted: NOTHING_TO_NOTE };
  };
}

const holderStore = (settings: Settings): HolderStore =>
  dynamoHolders({ identity: settings.IDENTITY_TABLE, ephemera: settings.EPHEMERA_TABLE });

interface Holder {
  readonly identity: IdentityRecord;
  readonly second_factor: boolean;
}

/** Whoever holds this session, if it still counts. */
function holders(settings: Settings) {
  const store = holderStore(settings);
  const mfaRoles = readConfiguration().security.authentication.mfa.required_for_roles;
  return async (userId: string, shown: { session_id: string; issued_at: string }): Promise<Holder> => {
    const { identity, session } = await store.get(userId, shown.session_id);
    if (!identity) throw notValid();
    const standing = standingOf(identity, session, shown.issued_at, { mfaRoles, now: clock.now() });
    if (standing === 'over') throw notValid();
    if (standing === 'second_factor_wanted') throw secondFactorWanted();
    return { identity, second_factor: session?.second_factor ?? false };
  };
}

function cookieAuthentication(settings: Settings): (cookie: string, request: Request) => Promise<Authenticated> {
  const holderOf = holders(settings);
  const pages = dynamoPageSessions(settings.EPHEMERA_TABLE);
  const { roles: granted } = readConfiguration().security.authorization;
  return async (cookie, request) => {
    const now = clock.now();
    const page = await readPageSession(pages, cookie, now);
    if (!page) throw notValid();
    const shown = { session_id: page.session_id, issued_at: page.created_at };
    const { identity, second_factor } = await holderOf(page.user_id, shown);
    if (!isFresh(page, now)) throw unauthenticated('Renew this session: POST /api/v1/auth/session/renew.');
    const { origin, 'x-csrf-token': csrfToken } = request.headers;
    const { method } = request.requestContext.http;
    const missing = whyNotOwnPage(cookie, { method, origin, csrfToken, publicOrigin: publicOriginOf(request) });
    if (missing !== null) throw new ApiError('forbidden', `With a session of a page: ${missing}.`);
    const { user_id, email, roles, teams, trusted_agent, owner_id } = identity;
    const actor: Actor = {
      ...{ user_id, email, roles, teams, trusted_agent, owner_id },
      permissions: permissionsOf(roles, granted),
      credential: { kind: 'session', ...shown, second_factor },
    };
    return { actor, headers: {}, noted: NOTHING_TO_NOTE };
  };
}

function keyAuthentication(settings: Settings): (text: string, clientAddress: string) => Promise<Authenticated> {
  const keys = dynamoApiKeys({ identity: settings.IDENTITY_TABLE });
  const identities = dynamoIdentities({ identity: settings.IDENTITY_TABLE });
  const usage = dynamoKeyUsage(settings.EPHEMERA_TABLE);
  const { authorization, authentication: rules } = readConfiguration().security;
  const notedAt = new Map<string, number>();

  /** Each worker asks at most once a minute and network; the store sees to the rest. */
  async function note(keyId: string, address: string, now: Date): Promise<'noted' | 'new_network'> {
    const name = `${keyId} ${keyNetworkOf(address)}`;
    if (!rules.api_keys.usage_tracking || now.getTime() - (notedAt.get(name) ?? 0) < NOTED_EVERY_MS) return 'noted';
    if (notedAt.size > MOST_NOTED) notedAt.clear();
    notedAt.set(name, now.getTime());
    try {
      return await usage.note(keyId, address, now);
    } catch (error) {
      log.error('a use was not noted', error, { key_id: keyId });
      return 'noted';
    }
  }

  return async (text, clientAddress) => {
    const now = clock.now();
    const verified = await verifyKey({ keys, identities }, text, now);
    if (!verified) throw notValid();
    const { key, owner } = verified;
    const noted = note(key.key_id, clientAddress, now);
    const { user_id, email, roles, teams, trusted_agent, owner_id } = owner;
    const actor: Actor = {
      ...{ user_id, email, roles, teams, trusted_agent, owner_id },
      permissions: permissionsOfKey(key, permissionsOf(roles, authorization.roles)),
      credential: { kind: 'api_key', key_id: key.key_id, resources: key.resources },
    };
    const isLate = ['rotation_due', 'rotated'].includes(statusOf(key, now));
    const headers: Authenticated['headers'] = isLate ? { 'airlock-key-ends-at': key.ends_at } : {};
    return { actor, headers, noted };
  };
}

const NOTHING_TO_NOTE = Promise.resolve('noted' as const);
const NOTED_EVERY_MS = 60_000;
const MOST_NOTED = 10_000;

const notValid = (): ApiError => unauthenticated('The credential is not valid here or has expired.');

const unauthenticated = (detail: string): ApiError =>
  new ApiError('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer' } });
