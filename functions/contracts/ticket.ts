import { z } from 'zod';
import { sha256Hex } from './manifest.ts';

export const TICKET_ALGORITHM = 'ES256';
export const TICKET_TYPE = 'airlock-run+jwt';
export const TICKET_MAX_LIFETIME_SECONDS = 120;

/** Claims of a run ticket: a compact JWS signed by the gate alone. */
export const ticketClaims = z.strictObject({
  jti: z.string(),
  execution_id: z.string(),
  attempt: z.int().positive(),
  /** The one sandbox that may use it. */
  aud: z.string(),
  /** sha256(DIGEST_PREFIX + manifest bytes), lowercase hex. */
  digest: sha256Hex,
  /** Why it was signed: the approval that agreed, or the rule that needed none. */
  basis: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('approval'), approval_id: z.string() }),
    z.strictObject({ kind: z.literal('rule'), rule: z.string() }),
  ]),
  iat: z.int(),
  exp: z.int(),
});
export type TicketClaims = z.infer<typeof ticketClaims>;
