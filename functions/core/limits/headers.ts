/** Limits as HTTP says them: the fields of draft-ietf-httpapi-ratelimit-headers (lists of structured fields), and `Retry-After`. */
import type { Standing, Verdict } from './limiter.ts';

/** What all callers together use up is nobody's business, unless it is why somebody has to wait. */
export function limitHeaders(verdict: Verdict | undefined): Record<string, string> {
  const refusal = verdict?.refusal ?? null;
  const shown = (verdict?.standings ?? []).filter(
    ({ bucket }) => bucket.policy !== 'global' || refusal?.bucket.policy === 'global',
  );
  if (shown.length === 0) return {};
  return {
    'ratelimit-policy': shown.map(policyItem).join(', '),
    ratelimit: shown.map(limitItem).join(', '),
    ...(refusal ? { 'retry-after': String(refusal.retryAfterSeconds) } : {}),
  };
}

/** Names of policies are letters and underscores, so that they need no escapes. */
const policyItem = ({ bucket }: Standing): string => `"${bucket.policy}";q=${bucket.limit};w=${bucket.window_seconds}`;

const limitItem = ({ bucket, remaining, secondsUntilMore }: Standing): string =>
  `"${bucket.policy}";r=${remaining}${secondsUntilMore === null ? '' : `;t=${secondsUntilMore}`}`;
