/** What a call of AWS that failed says about whether anything was sent. The client must not try again by itself: it would not tell. */
import type { SendResult } from '../core/notification/ports.ts';

/** No connection was made, or nobody's credentials were found: nothing left the function. */
const NEVER_LEFT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'CredentialsProviderError'];
/** More than the account may send at once, or in a day. */
const BUSY = /Throttl|TooManyRequests|LimitExceeded/;
/** What an operator's look at the account puts right. */
const PAUSED = /SendingPaused/;

export function sendFailureOf(error: unknown): SendResult {
  if (!(error instanceof Error)) return { outcome: 'unknown', reason: 'fault' };
  const { name } = error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : name;
  if (NEVER_LEFT.includes(code)) return { outcome: 'refused', reason: code, isFinal: false };
  const status = statusOf(error);
  if (status === null || status >= 500) return { outcome: 'unknown', reason: name };
  // The name alone: what services say names addresses and accounts.
  if (status === 429 || BUSY.test(name)) return { outcome: 'refused', reason: name, isFinal: false, isBusy: true };
  return { outcome: 'refused', reason: name, isFinal: !PAUSED.test(name) };
}

function statusOf(error: Error): number | null {
  if (!('$metadata' in error) || typeof error.$metadata !== 'object' || error.$metadata === null) return null;
  const { httpStatusCode } = error.$metadata as { httpStatusCode?: unknown };
  return typeof httpStatusCode === 'number' && httpStatusCode >= 400 ? httpStatusCode : null;
}
