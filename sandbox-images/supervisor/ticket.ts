import { createHash, timingSafeEqual } from 'node:crypto';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { DIGEST_PREFIX, type Manifest, manifest as manifestSchema } from '../../functions/contracts/manifest.ts';
import {
  TICKET_ALGORITHM,
  TICKET_MAX_LIFETIME_SECONDS,
  TICKET_TYPE,
  type TicketClaims,
  ticketClaims,
} from '../../functions/contracts/ticket.ts';
import { RefusalError } from './refusal.ts';

/** The clocks of the gate and of a sandbox differ a little. */
const CLOCK_TOLERANCE_SECONDS = 5;

export type VerifyTicket = (ticket: string) => Promise<TicketClaims>;

/** Answers with the claims of a ticket that the gate signed for this very sandbox and that is still valid; refuses every other. */
export function createTicketVerifier(options: {
  readonly jwks: JSONWebKeySet;
  readonly sandboxId: string;
  readonly now: () => Date;
}): VerifyTicket {
  const keys = createLocalJWKSet(options.jwks);
  return async (ticket) => {
    const now = options.now();
    const claims = ticketClaims.safeParse(await verifySignature(ticket, keys, options.sandboxId, now));
    if (!claims.success) throw new RefusalError('ticket_invalid', 'The claims of the ticket are not those of a run ticket.');
    const { iat, exp } = claims.data;
    const latestExpiry = Math.floor(now.getTime() / 1000) + TICKET_MAX_LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS;
    if (exp - iat > TICKET_MAX_LIFETIME_SECONDS || exp > latestExpiry) {
      throw new RefusalError('ticket_invalid', `A ticket lives for at most ${TICKET_MAX_LIFETIME_SECONDS} seconds.`);
    }
    return claims.data;
  };
}

async function verifySignature(
  ticket: string,
  keys: ReturnType<typeof createLocalJWKSet>,
  audience: string,
  currentDate: Date,
): Promise<JWTPayload> {
  try {
    const verified = await jwtVerify(ticket, keys, {
      algorithms: [TICKET_ALGORITHM],
      typ: TICKET_TYPE,
      audience,
      currentDate,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['iat', 'exp', 'jti'],
    });
    return verified.payload;
  } catch (error) {
    const cause = error instanceof errors.JOSEError ? error.code : 'not a compact JWS';
    throw new RefusalError('ticket_invalid', `The ticket is not valid for this sandbox (${cause}).`);
  }
}

/** The manifest these bytes hold, if they are exactly those the ticket was signed for. Parsed only after the digest agreed. */
export function openManifest(bytes: Buffer, claims: TicketClaims, imageId: string): Manifest {
  const digest = createHash('sha256').update(DIGEST_PREFIX).update(bytes).digest('hex');
  if (digest !== claims.digest) throw new RefusalError('digest_mismatch', 'The ticket was signed for another manifest.');
  const manifest = parseManifest(bytes);
  if (manifest.execution_id !== claims.execution_id) {
    throw new RefusalError('digest_mismatch', 'The ticket names another execution than the manifest.');
  }
  if (manifest.image_id !== imageId) {
    throw new RefusalError('environment_changed', `This sandbox is image ${imageId}, the manifest wants ${manifest.image_id}.`);
  }
  return manifest;
}

function parseManifest(bytes: Buffer): Manifest {
  try {
    const manifest = manifestSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    assertPassable(manifest);
    return manifest;
  } catch (error) {
    if (error instanceof RefusalError) throw error;
    throw new RefusalError('manifest_invalid', 'The manifest is not what this version of the sandbox understands.');
  }
}

/** No operating system can pass these on; a name with `=` would set another variable than the approver saw. */
function assertPassable(manifest: Manifest): void {
  const texts = [...manifest.args, ...Object.entries(manifest.env).flat()];
  if (texts.some((text) => text.includes('\0'))) {
    throw new RefusalError('manifest_invalid', 'Arguments and environment variables cannot hold NUL.');
  }
  if (Object.keys(manifest.env).some((name) => name === '' || name.includes('='))) {
    throw new RefusalError('manifest_invalid', 'The name of an environment variable is not empty and holds no "=".');
  }
}

const fingerprint = (ticket: string): Buffer => createHash('sha256').update(ticket).digest();

/** After its run was accepted a ticket is that run's credential: the very same text, expired or not. */
export function createCredential(ticket: string): { readonly matches: (presented: string) => boolean } {
  const expected = fingerprint(ticket);
  return { matches: (presented) => timingSafeEqual(expected, fingerprint(presented)) };
}
