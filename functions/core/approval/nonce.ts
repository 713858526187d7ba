/**
 * What makes a form good for one decision: made of the cookie of whoever was shown the page, so that nobody else can make one, and of
 * what they were shown, so that it is good for nothing else. Only a used one is kept.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { sha256 } from '../text/json.ts';

export interface NonceStore {
  /** Whether nobody had used it before. */
  use(nonceHash: string, until: string): Promise<boolean>;
}

export interface ShownTo {
  /** Of the page's session: 256 bits that only this browser has. */
  readonly cookie: string;
  readonly approvalId: string;
  /** Of all versions that could be decided on. */
  readonly digests: readonly string[];
}

const LIFETIME_MS = 3600_000;
const PATTERN = /^([A-Za-z0-9_-]{43})\.(\d{13})\.([A-Za-z0-9_-]{43})$/;

export function makeNonce(shown: ShownTo, random: () => string, now: Date): string {
  const [own, until] = [random(), String(now.getTime() + LIFETIME_MS)];
  return `${own}.${until}.${signatureOf(shown, own, until)}`;
}

/** Uses it up, if it is one for this. */
export async function useNonce(
  nonces: NonceStore,
  shown: ShownTo,
  nonce: string,
  now: Date,
): Promise<'used' | 'other' | 'late' | 'again'> {
  const [, own = '', until = '', signature = ''] = PATTERN.exec(nonce) ?? [];
  const expected = Buffer.from(signatureOf(shown, own, until));
  const came = Buffer.from(signature);
  if (came.byteLength !== expected.byteLength || !timingSafeEqual(came, expected)) return 'other';
  if (now.getTime() >= Number(until)) return 'late';
  return (await nonces.use(sha256(nonce), new Date(Number(until)).toISOString())) ? 'used' : 'again';
}

const signatureOf = ({ cookie, approvalId, digests }: ShownTo, own: string, until: string): string =>
  createHmac('sha256', cookie)
    .update(['airlock.decision.v1', approvalId, own, until, ...digests].join('\n'))
    .digest('base64url');
