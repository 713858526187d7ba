import { byteSize } from '../../contracts/execution.ts';

const UNITS = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 } as const;
type Unit = keyof typeof UNITS;
const isUnit = (text: string): text is Unit => Object.hasOwn(UNITS, text);

/** Bytes of `512MB`, `1.5 gb` or `1048576`, rounded down; null for what is no size, or less than one byte, or beyond 2^53. */
export function parseByteSize(size: unknown): number | null {
  const read = byteSize.safeParse(size);
  if (!read.success) return null;
  const bytes = typeof read.data === 'number' ? read.data : inBytes(read.data);
  return Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : null;
}

function inBytes(text: string): number {
  const unit = text.replace(/^[\d.\s]+/, '').toUpperCase();
  return isUnit(unit) ? Math.floor(Number.parseFloat(text) * UNITS[unit]) : Number.NaN;
}

/** The shortest exact way to write it: 536870912 is `512MB`, 1000 is `1000B`. */
export function formatByteSize(bytes: number): string {
  const unit = (['GB', 'MB', 'KB'] as const).find((candidate) => bytes > 0 && bytes % UNITS[candidate] === 0) ?? 'B';
  return `${bytes / UNITS[unit]}${unit}`;
}
