import { canonicalJson, sha256 } from '../core/text/json.ts';
import { ApiError } from './errors.ts';

interface Request {
  readonly actor: { readonly user_id: string };
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

/** Whose repeat of what the header `Idempotency-Key` makes this; null without one. */
export function idempotencyKeyOf({
  actor,
  headers,
  body,
}: Request): { readonly user_id: string; readonly key: string; readonly request_hash: string } | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  if (!/^[\x21-\x7e]{1,128}$/.test(key)) {
    const errors = [
      {
        field: 'header.Idempotency-Key',
        expected: '1 to 128 printable characters without spaces',
        received: `${key.length} characters`,
      },
    ];
    throw new ApiError('validation_failed', 'The idempotency key is not as expected.', { errors });
  }
  return { user_id: actor.user_id, key, request_hash: sha256(canonicalJson(body)) };
}
