import { describe, expect, it } from 'vitest';
import type { Bucket } from './buckets.ts';
import { limitHeaders } from './headers.ts';
import { rateLimiter } from './limiter.ts';
import { localCounters } from './local-counters.ts';
import type { RateCounters } from './ports.ts';

const bucket = (policy: Bucket['policy'], burst: number, more: Partial<Bucket> = {}): Bucket => ({
  policy,
  key: policy,
  limit: 60,
  window_seconds: 60,
  burst,
  weight: 1,
  ...more,
});

function setUp() {
  const at = { now: Date.UTC(2026, 0, 1) };
  const clock = { now: () => new Date(at.now) };
  const counted = localCounters(clock);
  const state = { isAway: false, asked: 0 };
  const shared: RateCounters = {
    ...counted,
    take: async (buckets) => {
      state.asked += 1;
      if (state.isAway) throw new Error('away');
      return await counted.take(buckets);
    },
  };
  const told: unknown[] = [];
  const limiter = rateLimiter({ shared, local: localCounters(clock), clock, onDegraded: (cause) => told.push(cause) });
  return { limiter, state, told, later: (milliseconds: number) => (at.now += milliseconds) };
}

describe('a request', () => {
  it('is refused by the limit that keeps it out longest, with the time to come again', async () => {
    const { limiter } = setUp();
    const slow = bucket('executions_per_hour', 1, { limit: 60, window_seconds: 3600 });
    const fast = bucket('per_user', 1);
    expect((await limiter.check([fast, slow])).refusal).toBeNull();
    expect((await limiter.check([fast, slow])).refusal).toEqual({ bucket: slow, retryAfterSeconds: 60 });
  });

  it('comes through when it comes again as it was told', async () => {
    const { limiter, later } = setUp();
    const slow = bucket('per_user', 3, { limit: 7 });
    for (let round = 0; round < 20; round += 1) {
      const { refusal } = await limiter.check([slow]);
      if (!refusal) continue;
      later(refusal.retryAfterSeconds * 1000);
      expect((await limiter.check([slow])).refusal).toBeNull();
    }
  });
});

describe('when the counters that all share do not answer', () => {
  it('requests are counted in the process, so that they still have a limit', async () => {
    const { limiter, state } = setUp();
    state.isAway = true;
    const two = bucket('per_user', 2);
    const refusals = [];
    for (let request = 0; request < 4; request += 1) refusals.push((await limiter.check([two])).refusal !== null);
    expect(refusals).toEqual([false, false, true, true]);
  });

  it('they are left alone for five seconds, and asked again after that', async () => {
    const { limiter, state, later } = setUp();
    state.isAway = true;
    const wide = bucket('per_user', 1000);
    for (let request = 0; request < 10; request += 1) await limiter.check([wide]);
    expect(state.asked).toBe(1);
    state.isAway = false;
    later(4999);
    await limiter.check([wide]);
    expect(state.asked).toBe(1);
    later(1);
    await limiter.check([wide]);
    await limiter.check([wide]);
    expect(state.asked).toBe(3);
  });

  it('that is told once a minute, however often it happens', async () => {
    const { limiter, state, told, later } = setUp();
    state.isAway = true;
    for (let second = 0; second < 60; second += 1) {
      await limiter.check([bucket('per_user', 1000)]);
      later(1000);
    }
    expect(told).toHaveLength(1);
    await limiter.check([bucket('per_user', 1000)]);
    expect(told).toHaveLength(2);
  });
});

describe('the headers', () => {
  it('say each limit, what is left of it, and when there is more', async () => {
    const { limiter } = setUp();
    const buckets = [bucket('global', 10), bucket('per_address', 5), bucket('per_user', 2, { limit: 600 })];
    expect(limitHeaders(await limiter.check(buckets))).toEqual({
      'ratelimit-policy': '"per_address";q=60;w=60, "per_user";q=600;w=60',
      ratelimit: '"per_address";r=4;t=1, "per_user";r=1;t=1',
    });
  });

  it('of a refusal say when to come again, and name the limit of all only when it is the cause', async () => {
    const { limiter } = setUp();
    const all = bucket('global', 1, { limit: 6 });
    await limiter.check([all]);
    expect(limitHeaders(await limiter.check([all]))).toEqual({
      'ratelimit-policy': '"global";q=6;w=60',
      ratelimit: '"global";r=0;t=10',
      'retry-after': '10',
    });
  });

  it('are none where nothing was counted', () => {
    expect(limitHeaders(undefined)).toEqual({});
  });
});
