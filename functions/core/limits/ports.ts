import type { Bucket } from './buckets.ts';
import type { EmptyAt } from './gcra.ts';

/** How the buckets of one question stand afterwards, in their order, and when that was. */
export interface Counted {
  readonly nowMicros: number;
  readonly emptyAt: readonly EmptyAt[];
}

/** Where requests are counted. Each of these is one step: nothing comes between its reading and its writing. */
export interface RateCounters {
  /** Counts one request in every bucket, or, when one of them has no room, in none. */
  take(buckets: readonly Bucket[]): Promise<Counted & { readonly allowed: boolean }>;
  read(buckets: readonly Bucket[]): Promise<Counted>;
  /** Empties them. */
  reset(buckets: readonly Bucket[]): Promise<void>;
}
