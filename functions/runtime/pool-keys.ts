import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { dynamoJwks } from '../adapters/dynamo/identities.ts';
import { ApiError } from './errors.ts';

/**
 * The pool's keys come from the identity table, where a function outside the VPC keeps them fresh; an unknown key id makes the verifier
 * look there again, at most every few seconds.
 */
export function poolKeys(identityTable: string): SimpleJwksCache {
  const stored = dynamoJwks(identityTable);
  return new SimpleJwksCache({
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
  });
}

/** No word about who is calling: neither yes nor no. */
const unreachable = (cause: unknown): ApiError =>
  new ApiError('unavailable', 'The keys that verify sign-ins cannot be read. Try again in a minute.', { cause });
