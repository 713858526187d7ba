/** What a measurement is: a name, how often it repeats, and rows of samples, each with the bars of design section 10 that it must hold. */

export interface Measurement {
  /** As `npm run bench -- <name>` takes it. */
  readonly name: string;
  readonly rounds: { readonly usual: number; readonly full: number };
  readonly measure: (rounds: number) => Promise<readonly Row[]>;
}

export interface Row {
  readonly what: string;
  /** `×` is a ratio to a baseline taken in turn with it, in the same run. */
  readonly unit: 'ms' | '×' | 'KB' | 'MB' | '/min';
  readonly samples: readonly number[];
  /** None: the row explains another one, or nothing is promised of it. */
  readonly bars: readonly Bar[];
  readonly baseline?: { readonly what: string; readonly samples: readonly number[] };
  /** What a reader must know to read the figure right. */
  readonly note?: string;
}

export type Quantile = 'p50' | 'p95' | 'p99';

export interface Bar {
  readonly quantile: Quantile;
  readonly atMost: number;
  /** Where the number itself comes from the baseline of this run. */
  readonly because?: string;
}

const SHARES: Record<Quantile, number> = { p50: 0.5, p95: 0.95, p99: 0.99 };

/** The smallest sample that at least the share of all samples does not exceed; NaN of none. */
export function quantile(samples: readonly number[], which: Quantile): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * SHARES[which]) - 1)] ?? Number.NaN;
}

export const holds = (row: Pick<Row, 'samples'>, bar: Bar): boolean => quantile(row.samples, bar.quantile) <= bar.atMost;

/** One after another: a measurement has the machine for itself. */
export async function repeat<T>(rounds: number, once: (round: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = 0; round < rounds; round += 1) results.push(await once(round));
  return results;
}
