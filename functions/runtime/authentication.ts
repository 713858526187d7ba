import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { dynamoApiKeys, dynamoKeyUsage } from '../adapters/dynamo/api-keys.ts';
import { dynamoIdentities, dynamoJwks } from '../adapters/dynamo/identities.ts';
import { type Actor, permissionsOf } from '../core/identity/actor.ts';
import { isAccepted } from '../core/identity/current.ts';
import { permissionsOfKey } from '../core/identity/key-scope.ts';
import { statusOf, verifyKey } from '../core/identity/keys.ts';
import { readConfiguration } from './configuration.ts';
import { ApiError } from './errors.ts';
import { log } from './log.ts';
import { clock } from './system.ts';

interface Settings {
  readonly IDENTITY_TABLE: string;
  readonly EPHEMERA_TABLE: string;
  readonly USER_POOL_ID: string;
  readonly USER_POOL_CLIENT_ID: string;
}

type Headers = Readonly<Record<string, string | undefined>>;

export interface Authenticated {
  readonly actor: Actor;
  /** What the caller is told beside the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is written beside the answer; it never fails, and must not be left undone when the function is frozen. */
  readonly noted: Promise<void>;
}

export type Authenticate = (headers: Headers, clientAddress: string) => Promise<Authenticated>;

/**
 * Who is calling: the holder of an access token or of an API key. What they may do is what the identity's row says now, not what the
 * token said when it was made: without a row, nothing.
 */
export function authentication(settings: Settings): Authenticate {
  const byToken = tokenAuthentication(settings);
  const byKey = keyAuthentication(settings);
  return async (headers, clientAddress) => {
    const bearer = /^Bearer ([A-Za-z0-9._-]+)$/i.exec(headers.authorization ?? '')?.[1];
    const key = headers['x-api-key'];
    if (key !== undefined && headers.authorization !== undefined) {
      throw new ApiError('malformed_request', 'Send either Authorization or X-API-Key: two credentials may be of two people.');
    }
    if (key !== undefined) return await byKey(key, clientAddress);
    if (!bearer)
      throw unauthenticated('Send `Authorization: Bearer <access token or API key>`; POST /api/v1/auth/login gives a token.');
    return bearer.startsWith('alk_') ? await byKey(bearer, clientAddress) : await byToken(bearer);
  };
}

/**
 * The pool's keys come from the identity table, where a function outside the VPC keeps them fresh; an unknown key id makes the verifier
 * look there again, at most every few seconds.
 */
function tokenAuthentication(settings: Settings): (token: string) => Promise<Authenticated> {
  const identities = dynamoIdentities({ identity: settings.IDENTITY_TABLE });
  const stored = dynamoJwks(settings.IDENTITY_TABLE);
  const { roles: granted } = readConfiguration().security.authorization;
  const verifier = CognitoJwtVerifier.create(
    { userPoolId: settings.USER_POOL_ID, clientId: settings.USER_POOL_CLIENT_ID, tokenUse: 'access' },
    {
      jwksCache: new SimpleJwksCache({
        fetcher: {
          fetch: async () => {
            const jwks = await stored.get().catch((error: unknown) => {
              throw unreachable(error);
            });
            if (!jwks) throw unreachable(new Error('nobody has fetched them yet'));
            const bytes = Buffer.from(jwks, 'utf8');
            return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
          },
        },
      }),
    },
  );

  return async (token) => {
    const claims = await verifier.verify(token).catch((error: unknown) => {
      if (error instanceof ApiError) throw error;
      throw notValid();
    });
    const identity = await identities.get(claims.sub);
    const credential = {
      kind: 'token',
      token_id: claims.jti,
      session_id: claims.origin_jti,
      issued_at: new Date(claims.iat * 1000).toISOString(),
    } as const;
    if (!identity || !isAccepted(identity, credential)) throw notValid();
    const { user_id, email, roles, teams, trusted_agent, owner_id } = identity;
    const actor: Actor = {
      ...{ user_id, email, roles, teams, trusted_agent, owner_id },
      permissions: permissionsOf(roles, granted),
      credential,
    };
    return { actor, headers: {}, noted: Promise.resolve() };
  };
}

function keyAuthentication(settings: Settings): (text: string, clientAddress: string) => Promise<Authenticated> {
  const keys = dynamoApiKeys({ identity: settings.IDENTITY_TABLE });
  const identities = dynamoIdentities({ identity: settings.IDENTITY_TABLE });
  const usage = dynamoKeyUsage(settings.EPHEMERA_TABLE);
  const { authorization, authentication: rules } = readConfiguration().security;
  const notedAt = new Map<string, number>();

  /** Each worker asks at most once a minute; the store sees to the rest. */
  async function note(keyId: string, address: string, now: Date): Promise<void> {
    if (!rules.api_keys.usage_tracking || now.getTime() - (notedAt.get(keyId) ?? 0) < NOTED_EVERY_MS) return;
    if (notedAt.size > MOST_NOTED) notedAt.clear();
    notedAt.set(keyId, now.getTime());
    await usage.note(keyId, address, now).catch((error: unknown) => log.error('a use was not noted', error, { key_id: keyId }));
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

const NOTED_EVERY_MS = 60_000;
const MOST_NOTED = 10_000;

const notValid = (): ApiError => unauthenticated('The credential is not valid here or has expired.');

/** No word about who is calling: neither yes nor no. */
const unreachable = (cause: unknown): ApiError =>
  new ApiError('unavailable', 'The keys that verify sign-ins cannot be read. Try again in a minute.', { cause });

const unauthenticated = (detail: string): ApiError =>
  new ApiError('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer' } });
