/** Whether a request is within its limits, and what its sender is told. */
import type { Clock } from '../clock.ts';
import type { Bucket } from './buckets.ts';
import { paceOf, remaining, secondsOf, secondsUntilMore, take } from './gcra.ts';
import type { Counted, RateCounters } from './ports.ts';

/** One limit, as it stands after this request. */
export interface Standing {
  readonly bucket: Bucket;
  readonly remaining: number;
  /** Until one more is there; null when all are. */
  readonly secondsUntilMore: number | null;
}

export interface Verdict {
  readonly standings: readonly Standing[];
  /** The limit that keeps the request out longest. */
  readonly refusal: { readonly bucket: Bucket; readonly retryAfterSeconds: number } | null;
}

export interface RateLimiter {
  check(buckets: readonly Bucket[]): Promise<Verdict>;
}

interface Parts {
  /** Counters that all share. */
  readonly shared: RateCounters;
  readonly local: RateCounters;
  readonly clock: Clock;
  /** Told at most once a minute that this process counts for itself. */
  readonly onDegraded: (cause: unknown) => void;
}

/** Shared counters that failed are left alone for so long: waiting for them again and again would slow every request. */
const LEFT_ALONE_MS = 5000;
const TELL_EVERY_MS = 60_000;

/** Counts where all count; while that does not answer, in this process, so that nothing is let through uncounted. */
export function rateLimiter({ shared, local, clock, onDegraded }: Parts): RateLimiter {
  let sharedAgainAt = 0;
  let tellAgainAt = 0;

  const degrade = (cause: unknown): void => {
    const now = clock.now().getTime();
    sharedAgainAt = now + LEFT_ALONE_MS;
    if (now < tellAgainAt) return;
    tellAgainAt = now + TELL_EVERY_MS;
    onDegraded(cause);
  };

  return {
    async check(buckets) {
      if (clock.now().getTime() >= sharedAgainAt) {
        try {
          return verdictOf(buckets, await shared.take(buckets));
        } catch (error) {
          degrade(error);
        }
      }
      return verdictOf(buckets, await local.take(buckets));
    },
  };
}

function verdictOf(buckets: readonly Bucket[], counted: Counted & { allowed: boolean }): Verdict {
  const waits = buckets.map((bucket, index) => {
    const { waitMicros } = take(counted.emptyAt[index] ?? null, paceOf(bucket), bucket.weight, counted.nowMicros);
    return { bucket, waitMicros };
  });
  const longest = waits.reduce<(typeof waits)[number] | null>(
    (most, one) => (most && most.waitMicros >= one.waitMicros ? most : one),
    null,
  );
  return {
    standings: standingsOf(buckets, counted),
    refusal:
      counted.allowed || !longest
        ? null
        : { bucket: longest.bucket, retryAfterSeconds: Math.max(1, secondsOf(longest.waitMicros)) },
  };
}

export const standingsOf = (buckets: readonly Bucket[], { emptyAt, nowMicros }: Counted): Standing[] =>
  buckets.map((bucket, index) => {
    const pace = paceOf(bucket);
    const at = emptyAt[index] ?? null;
    return {
      bucket,
      remaining: remaining(at, pace, nowMicros),
      secondsUntilMore: secondsUntilMore(at, pace, nowMicros),
    };
  });
