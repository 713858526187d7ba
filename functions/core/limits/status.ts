/** What an admin sees of a subject's limits. */
import type { RateLimitStatus } from '../../contracts/routes/limits.ts';
import { bucketsOfSubject, type LimitedSubject, type RateLimits } from './buckets.ts';
import { paceOf, remaining, secondsUntilEmpty } from './gcra.ts';
import type { RateCounters } from './ports.ts';

export async function statusOf(counters: RateCounters, limits: RateLimits, subject: LimitedSubject): Promise<RateLimitStatus> {
  const buckets = bucketsOfSubject(limits, subject);
  const { nowMicros, emptyAt } = await counters.read(buckets);
  return {
    subject,
    limits: buckets.map((bucket, index) => {
      const at = emptyAt[index] ?? null;
      const left = remaining(at, paceOf(bucket), nowMicros);
      return {
        name: bucket.policy,
        ...(bucket.endpoint ? { endpoint: bucket.endpoint } : {}),
        limit: bucket.limit,
        window_seconds: bucket.window_seconds,
        burst: bucket.burst,
        current_usage: bucket.burst - left,
        remaining: left,
        reset_time: new Date(nowMicros / 1000 + secondsUntilEmpty(at, nowMicros) * 1000).toISOString(),
      };
    }),
  };
}

export async function resetLimits(counters: RateCounters, limits: RateLimits, subject: LimitedSubject): Promise<RateLimitStatus> {
  await counters.reset(bucketsOfSubject(limits, subject));
  return await statusOf(counters, limits, subject);
}
