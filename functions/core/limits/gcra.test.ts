import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bucket } from './buckets.ts';
import { type EmptyAt, paceOf, type Rate, remaining, secondsUntilMore, take } from './gcra.ts';
import { localCounters } from './local-counters.ts';

const SECOND = 1_000_000;
const START = Date.UTC(2026, 0, 1) * 1000;

const rates = fc.record({
  limit: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5000 })),
  window_seconds: fc.constantFrom(1, 60, 3600),
  burst: fc.integer({ min: 1, max: 200 }),
});

/** Requests as they come: many at once, after a pause, or as early as they may; some count for several. */
const arrivals = fc.array(
  fc.record({
    pauseMicros: fc.oneof(
      fc.constant(0),
      fc.constant('as early as it may' as const),
      fc.integer({ min: 0, max: SECOND }),
      fc.integer({ min: 0, max: 120 * SECOND }),
    ),
    weight: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 300 },
);

interface Admitted {
  readonly at: number;
  readonly weight: number;
}

/** The most that any window of this length admitted. */
function mostInWindow(admitted: readonly Admitted[], windowMicros: number): number {
  let most = 0;
  for (const [first, { at }] of admitted.entries()) {
    const inside = admitted.slice(first).filter((one) => one.at < at + windowMicros);
    most = Math.max(
      most,
      inside.reduce((sum, { weight }) => sum + weight, 0),
    );
  }
  return most;
}

describe('the generic cell rate algorithm', () => {
  it('admits never more than limit + burst in any window', () => {
    fc.assert(
      fc.property(rates, arrivals, (rate, requests) => {
        const admitted: Admitted[] = [];
        let emptyAt: EmptyAt = null;
        let now = START;
        for (const { pauseMicros, weight } of requests) {
          now += pauseMicros === 'as early as it may' ? take(emptyAt, paceOf(rate), weight, now).waitMicros : pauseMicros;
          const taken = take(emptyAt, paceOf(rate), weight, now);
          if (taken.waitMicros > 0) continue;
          emptyAt = taken.emptyAt;
          admitted.push({ at: now, weight });
        }
        expect(mostInWindow(admitted, rate.window_seconds * SECOND)).toBeLessThanOrEqual(rate.limit + rate.burst);
      }),
    );
  });

  it('admits the whole burst at once, and then one each time it says so, not a microsecond earlier', () => {
    fc.assert(
      fc.property(rates, (rate) => {
        const pace = paceOf(rate);
        let emptyAt: EmptyAt = null;
        for (let request = 0; request < rate.burst; request += 1) {
          expect(remaining(emptyAt, pace, START)).toBe(rate.burst - request);
          const taken = take(emptyAt, pace, 1, START);
          expect(taken.waitMicros).toBe(0);
          emptyAt = taken.emptyAt;
        }
        const { waitMicros } = take(emptyAt, pace, 1, START);
        expect(waitMicros).toBeGreaterThan(0);
        expect(take(emptyAt, pace, 1, START + waitMicros - 1).waitMicros).toBe(1);
        expect(take(emptyAt, pace, 1, START + waitMicros).waitMicros).toBe(0);
        expect(secondsUntilMore(emptyAt, pace, START)).toBe(Math.ceil(waitMicros / SECOND));
      }),
    );
  });

  it('says of every bucket how much is left, and when there will be more', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 0, max: 200 * SECOND }), (rate, filledMicros) => {
        const pace = paceOf(rate);
        const emptyAt = START + Math.min(filledMicros, pace.depthMicros);
        const left = remaining(emptyAt, pace, START);
        const more = secondsUntilMore(emptyAt, pace, START);
        if (left > 0) expect(take(emptyAt, pace, left, START).waitMicros).toBe(0);
        expect(take(emptyAt, pace, left + 1, START).waitMicros).toBeGreaterThan(0);
        if (emptyAt === START) expect(more).toBeNull();
        else expect(remaining(emptyAt, pace, START + (more ?? 0) * SECOND)).toBeGreaterThan(left);
      }),
    );
  });

  it('counts a limit exactly whatever its numbers are', () => {
    for (const limit of [1, 7, 1000, 9_999_999, 10_000_000]) {
      const pace = paceOf({ limit, window_seconds: 60, burst: 10_000_000 });
      expect(Number.isSafeInteger(START * 2 + pace.depthMicros)).toBe(true);
      expect(pace.intervalMicros * limit).toBeGreaterThanOrEqual(60 * SECOND);
    }
  });
});

describe('counting in one process', () => {
  const bucket = (key: string, rate: Partial<Rate> = {}): Bucket => ({
    policy: 'per_user',
    key,
    limit: 60,
    window_seconds: 60,
    burst: 2,
    weight: 1,
    ...rate,
  });
  const at = { now: new Date(START / 1000) };
  const clock = { now: () => at.now };
  const later = (milliseconds: number) => {
    at.now = new Date(at.now.getTime() + milliseconds);
  };

  it('a request that one bucket refuses uses up none of the others', async () => {
    const counters = localCounters(clock);
    const [narrow, wide] = [bucket('narrow', { burst: 1 }), bucket('wide', { burst: 3 })];
    expect((await counters.take([wide, narrow])).allowed).toBe(true);
    for (let attempt = 0; attempt < 5; attempt += 1) expect((await counters.take([wide, narrow])).allowed).toBe(false);
    expect((await counters.take([wide])).allowed).toBe(true);
    expect((await counters.take([wide])).allowed).toBe(true);
    expect((await counters.take([wide])).allowed).toBe(false);
  });

  it('holds no more than it may, forgets what is empty again, and refuses what it cannot count', async () => {
    const counters = localCounters(clock, 2);
    expect((await counters.take([bucket('one')])).allowed).toBe(true);
    expect((await counters.take([bucket('two')])).allowed).toBe(true);
    expect((await counters.take([bucket('three')])).allowed).toBe(false);
    expect((await counters.take([bucket('one')])).allowed).toBe(true);
    later(1000);
    expect((await counters.take([bucket('three')])).allowed).toBe(true);
    expect((await counters.take([bucket('four')])).allowed).toBe(false);
  });

  it('begins anew after a reset', async () => {
    const counters = localCounters(clock);
    const one = bucket('one', { burst: 1 });
    await counters.take([one]);
    expect((await counters.take([one])).allowed).toBe(false);
    await counters.reset([one]);
    expect((await counters.take([one])).allowed).toBe(true);
  });
});
