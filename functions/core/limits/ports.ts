import type { EmptyAt, Rate } from './gcra.ts';

/** What is counted under one key. */
export interface Counter extends Rate {
  readonly key: string;
  /** For how many requests this one counts; never more than the burst, or it would be refused for ever. */
  readonly weight: number;
}

/** How the buckets of one question stand afterwards, in their order, and when that was. */
export interface Counted {
  readonly nowMicros: number;
  readonly emptyAt: readonly EmptyAt[];
}

/** Where requests are counted. Each of these is one step: nothing comes between its reading and its writing. */
export interface RateCounters {
  /** Counts one request in every bucket, or, when one of them has no room, in none. */
  take(buckets: readonly Counter[]): Promise<Counted & { readonly allowed: boolean }>;
  read(buckets: readonly Counter[]): Promise<Counted>;
  /** Empties them. */
  reset(buckets: readonly Counter[]): Promise<void>;
}
