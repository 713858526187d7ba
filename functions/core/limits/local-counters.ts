/** Counting within one process: what is left when the counters that all share do not answer. */
import type { Clock } from '../clock.ts';
import { type EmptyAt, paceOf, take } from './gcra.ts';
import type { Counter, RateCounters } from './ports.ts';

const BUCKETS_MAX = 50_000;

/**
 * Buckets that are empty again are forgotten. When as many as fit are in use, one that is not known yet is refused: forgetting one in
 * use would let its owner begin anew.
 */
export function localCounters(clock: Clock, bucketsMax = BUCKETS_MAX): RateCounters {
  const emptyAt = new Map<string, number>();
  const nowMicros = (): number => clock.now().getTime() * 1000;
  const standing = (buckets: readonly Counter[]): EmptyAt[] => buckets.map(({ key }) => emptyAt.get(key) ?? null);

  const hasRoomFor = (buckets: readonly Counter[], now: number): boolean => {
    const added = buckets.filter(({ key }) => !emptyAt.has(key)).length;
    if (emptyAt.size + added <= bucketsMax) return true;
    for (const [key, time] of emptyAt) if (time <= now) emptyAt.delete(key);
    return emptyAt.size + buckets.filter(({ key }) => !emptyAt.has(key)).length <= bucketsMax;
  };

  return {
    async take(buckets) {
      const now = nowMicros();
      const taken = buckets.map((bucket) => take(emptyAt.get(bucket.key) ?? null, paceOf(bucket), bucket.weight, now));
      const allowed = taken.every(({ waitMicros }) => waitMicros === 0) && hasRoomFor(buckets, now);
      if (allowed) for (const [index, { key }] of buckets.entries()) emptyAt.set(key, taken[index]?.emptyAt ?? now);
      return { allowed, nowMicros: now, emptyAt: standing(buckets) };
    },

    async read(buckets) {
      return { nowMicros: nowMicros(), emptyAt: standing(buckets) };
    },

    async reset(buckets) {
      for (const { key } of buckets) emptyAt.delete(key);
    },
  };
}
