/** What one process refused a moment ago, so that a flood costs it one question a second and nothing else: no read, no signature. */
import type { Clock } from '../clock.ts';
import type { Bucket } from './buckets.ts';
import type { Verdict } from './limiter.ts';

/** Longer would outlive a reset by an operator. */
const REMEMBERED_MS = 1000;
const MOST_REMEMBERED = 5000;

export interface RecentRefusals {
  /** The verdict by which one of these was refused, or null. */
  recall(buckets: readonly Bucket[]): Verdict | null;
  /** Keeps a verdict, if it is one of these that refused. */
  remember(buckets: readonly Bucket[], verdict: Verdict): void;
}

export function recentRefusals(clock: Clock): RecentRefusals {
  const refused = new Map<string, { readonly verdict: Verdict; readonly until: number }>();
  return {
    recall(buckets) {
      const now = clock.now().getTime();
      for (const { key } of buckets) {
        const before = refused.get(key);
        if (before && before.until > now) return before.verdict;
      }
      return null;
    },

    remember(buckets, verdict) {
      const key = verdict.refusal?.bucket.key;
      if (key === undefined || !buckets.some((bucket) => bucket.key === key)) return;
      if (refused.size >= MOST_REMEMBERED) refused.clear();
      refused.set(key, { verdict, until: clock.now().getTime() + REMEMBERED_MS });
    },
  };
}
