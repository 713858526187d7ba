import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { dynamoIdentities, dynamoJwks } from '../adapters/dynamo/identities.ts';
import { type Actor, isRole } from '../core/identity/actor.ts';
import { ApiError } from './errors.ts';

interface Settings {
  readonly IDENTITY_TABLE: string;
  readonly USER_POOL_ID: string;
  readonly USER_POOL_CLIENT_ID: string;
}

export type Authenticate = (headers: Record<string, string | undefined>) => Promise<Actor>;

/**
 * Who holds this access token. The pool's keys come from the identity table, where a function outside the VPC keeps them fresh; an
 * unknown key id makes the verifier look there again, at most every few seconds.
 */
export function authentication(settings: Settings): Authenticate {
  const identities = dynamoIdentities(settings.IDENTITY_TABLE);
  const stored = dynamoJwks(settings.IDENTITY_TABLE);
  const verifier = CognitoJwtVerifier.create(
    { userPoolId: settings.USER_POOL_ID, clientId: settings.USER_POOL_CLIENT_ID, tokenUse: 'access' },
    {
      jwksCache: new SimpleJwksCache({
        fetcher: {
          fetch: async () => {
            const jwks = await stored.get();
            if (!jwks)
              throw new ApiError('unavailable', 'The keys that verify sign-ins are not there yet. Try again in a minute.');
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
      throw unauthenticated('The access token is not valid here or has expired.');
    });
    const identity = await identities.get(claims.sub);
    if (identity?.disabled) throw unauthenticated('The access token is not valid here or has expired.');
    return {
      user_id: claims.sub,
      email: identity?.email || claims.username,
      roles: (claims['cognito:groups'] ?? []).filter(isRole),
      trusted_agent: identity?.trusted_agent ?? false,
    };
  };
}

const unauthenticated = (detail: string): ApiError =>
  new ApiError('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer' } });
