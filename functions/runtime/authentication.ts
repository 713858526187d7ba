import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { dynamoIdentities, dynamoJwks } from '../adapters/dynamo/identities.ts';
import type { IdentityRecord } from '../contracts/identity.ts';
import { type Actor, permissionsOf } from '../core/identity/actor.ts';
import { readConfiguration } from './configuration.ts';
import { ApiError } from './errors.ts';

interface Settings {
  readonly IDENTITY_TABLE: string;
  readonly USER_POOL_ID: string;
  readonly USER_POOL_CLIENT_ID: string;
}

export type Authenticate = (headers: Record<string, string | undefined>) => Promise<Actor>;

/**
 * Who holds this access token. The pool's keys come from the identity table, where a function outside the VPC keeps them fresh; an
 * unknown key id makes the verifier look there again, at most every few seconds. What the holder may do is what the identity's row says
 * now, not what the token said when it was made: without a row, nothing.
 */
export function authentication(settings: Settings): Authenticate {
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

  return async (headers) => {
    const token = /^Bearer ([A-Za-z0-9._-]+)$/i.exec(headers.authorization ?? '')?.[1];
    if (!token) throw unauthenticated('Send `Authorization: Bearer <access token>`; POST /api/v1/auth/login gives one.');
    const claims = await verifier.verify(token).catch((error: unknown) => {
      if (error instanceof ApiError) throw error;
      throw notValid();
    });
    const identity = await identities.get(claims.sub);
    const issuedAt = new Date(claims.iat * 1000).toISOString();
    if (!identity || !isAccepted(identity, issuedAt)) throw notValid();
    const { user_id, email, roles, teams, trusted_agent } = identity;
    return {
      user_id,
      email,
      roles,
      teams,
      trusted_agent,
      permissions: permissionsOf(roles, granted),
      credential: { kind: 'token', token_id: claims.jti, issued_at: issuedAt },
    };
  };
}

/** Tokens count whole seconds: one made in the second of a revocation is taken for one made before it. */
const isAccepted = ({ disabled, valid_after: validAfter }: IdentityRecord, issuedAt: string): boolean =>
  !disabled && (validAfter === null || Date.parse(issuedAt) > Date.parse(validAfter));

const notValid = (): ApiError => unauthenticated('The access token is not valid here or has expired.');

/** No word about who is calling: neither yes nor no. */
const unreachable = (cause: unknown): ApiError =>
  new ApiError('unavailable', 'The keys that verify sign-ins cannot be read. Try again in a minute.', { cause });

const unauthenticated = (detail: string): ApiError =>
  new ApiError('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer' } });
