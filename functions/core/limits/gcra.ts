/**
 * The generic cell rate algorithm. All that is kept of a bucket is one number, the moment at which it would be empty again if nothing
 * more came. Times are whole microseconds since 1970: they stay exact, here and in the script that counts in Valkey.
 */

/** `limit` requests in `window_seconds`, evenly; `burst` of them at once. In no window more than limit + burst get through. */
export interface Rate {
  readonly limit: number;
  readonly window_seconds: number;
  readonly burst: number;
}

/** A rate as it is counted: microseconds that one request takes up, and how far ahead of now a bucket may be filled. */
export interface Pace {
  readonly intervalMicros: number;
  readonly depthMicros: number;
}

const MICROS_PER_SECOND = 1_000_000;

/** Rounded up, so that what is admitted is never more than the rate says. */
export function paceOf({ limit, window_seconds: windowSeconds, burst }: Rate): Pace {
  const intervalMicros = Math.ceil((windowSeconds * MICROS_PER_SECOND) / limit);
  return { intervalMicros, depthMicros: intervalMicros * burst };
}

/** How full a bucket is. `null`: nobody has used it lately. */
export type EmptyAt = number | null;

/** The bucket with one request more, or how long until it has room for it. A weight counts for as many requests. */
export function take(emptyAt: EmptyAt, pace: Pace, weight: number, nowMicros: number): { emptyAt: number; waitMicros: number } {
  const next = Math.max(emptyAt ?? nowMicros, nowMicros) + pace.intervalMicros * weight;
  return { emptyAt: next, waitMicros: Math.max(0, next - nowMicros - pace.depthMicros) };
}

/** Requests that would be let through now. */
export const remaining = (emptyAt: EmptyAt, pace: Pace, nowMicros: number): number =>
  Math.max(0, Math.floor((pace.depthMicros - fill(emptyAt, nowMicros)) / pace.intervalMicros));

/** Seconds until one request more than now would be let through; null when the whole burst is there. */
export function secondsUntilMore(emptyAt: EmptyAt, pace: Pace, nowMicros: number): number | null {
  const filled = fill(emptyAt, nowMicros);
  if (filled === 0) return null;
  const roomLeft = pace.depthMicros - filled;
  return secondsOf(pace.intervalMicros - (roomLeft < 0 ? roomLeft : roomLeft % pace.intervalMicros));
}

/** Seconds until nothing of what came counts any more. */
export const secondsUntilEmpty = (emptyAt: EmptyAt, nowMicros: number): number => secondsOf(fill(emptyAt, nowMicros));

export const secondsOf = (micros: number): number => Math.ceil(micros / MICROS_PER_SECOND);

const fill = (emptyAt: EmptyAt, nowMicros: number): number => Math.max(0, (emptyAt ?? 0) - nowMicros);
