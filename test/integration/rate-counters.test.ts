/** Counting requests in a server of its own that speaks Valkey's protocol; no instance is needed. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { valkeyRateCounters } from '../../functions/adapters/valkey/rate-counters.ts';
import type { Bucket } from '../../functions/core/limits/buckets.ts';
import { type EmptyAt, paceOf, take } from '../../functions/core/limits/gcra.ts';
import { rateLimiter } from '../../functions/core/limits/limiter.ts';
import { localCounters } from '../../functions/core/limits/local-counters.ts';
import { clock, wait } from '../../functions/runtime/system.ts';
import { type ValkeyServer, valkeyServer } from '../support/valkey-server.ts';

/** What is decided is looked at here, not how fast: a busy machine must not look like a server that is away. */
const PATIENT = { connectMs: 30_000, commandMs: 30_000 };

let server: ValkeyServer;
let counters: ReturnType<typeof valkeyRateCounters>;

beforeAll(async () => {
  server = await valkeyServer();
  counters = valkeyRateCounters(server.url, PATIENT);
});
afterAll(async () => {
  counters.close();
  await server.stop();
});

const bucket = (more: Partial<Bucket> = {}): Bucket => ({
  policy: 'per_user',
  key: `per_user ${randomUUID()}`,
  limit: 60,
  window_seconds: 60,
  burst: 3,
  weight: 1,
  ...more,
});

describe('the script', () => {
  it('decides as the arithmetic does, to the microsecond', async () => {
    const rates = fc.record({
      limit: fc.integer({ min: 1, max: 100_000 }),
      window_seconds: fc.constantFrom(1, 60, 3600),
      burst: fc.integer({ min: 1, max: 20 }),
      weight: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(rates, { minLength: 1, maxLength: 4 }), async (asked) => {
        const buckets = asked.map((rate) => bucket({ ...rate, weight: Math.min(rate.weight, rate.burst) }));
        let stored: EmptyAt[] = buckets.map(() => null);
        for (let request = 0; request < 25; request += 1) {
          const { allowed, nowMicros, emptyAt } = await counters.take(buckets);
          const expected = buckets.map((one, index) => take(stored[index] ?? null, paceOf(one), one.weight, nowMicros));
          expect(allowed).toBe(expected.every(({ waitMicros }) => waitMicros === 0));
          // A bucket that is empty again may have gone by itself.
          const isSame = (index: number, value: EmptyAt) => value === stored[index] || (value ?? 0) <= nowMicros;
          if (allowed) expect(emptyAt).toEqual(expected.map((one) => one.emptyAt));
          else for (const [index, value] of emptyAt.entries()) expect(isSame(index, value)).toBe(true);
          stored = [...emptyAt];
        }
      }),
      { numRuns: 25 },
    );
  });

  it('admits never more than limit + burst in any window, however many ask at once', async () => {
    const others = [valkeyRateCounters(server.url, PATIENT), valkeyRateCounters(server.url, PATIENT)];
    const one = bucket({ limit: 40, window_seconds: 1, burst: 15 });
    const admitted: number[] = [];
    const end = Date.now() + 2500;
    const client = async (own: typeof counters) => {
      while (Date.now() < end) {
        const { allowed, nowMicros } = await own.take([one]);
        if (allowed) admitted.push(nowMicros);
      }
    };
    await Promise.all([counters, ...others].flatMap((own) => [client(own), client(own)]));
    for (const other of others) other.close();
    admitted.sort((a, b) => a - b);
    expect(admitted.length).toBeGreaterThan(15);
    for (const [first, at] of admitted.entries()) {
      const inWindow = admitted.slice(first).filter((time) => time < at + 1_000_000).length;
      expect(inWindow).toBeLessThanOrEqual(40 + 15);
    }
  });

  it('takes nothing from any bucket when one refuses', async () => {
    const [narrow, wide] = [bucket({ burst: 1, limit: 1 }), bucket({ burst: 2, limit: 1 })];
    expect((await counters.take([wide, narrow])).allowed).toBe(true);
    for (let request = 0; request < 5; request += 1) expect((await counters.take([wide, narrow])).allowed).toBe(false);
    expect((await counters.take([wide])).allowed).toBe(true);
    expect((await counters.take([wide])).allowed).toBe(false);
  });

  it('shows what is counted without counting, and empties what an admin asks for', async () => {
    const one = bucket({ burst: 1, limit: 1 });
    expect((await counters.read([one])).emptyAt).toEqual([null]);
    const taken = await counters.take([one]);
    expect((await counters.read([one])).emptyAt).toEqual(taken.emptyAt);
    expect((await counters.take([one])).allowed).toBe(false);
    await counters.reset([one]);
    expect((await counters.take([one])).allowed).toBe(true);
  });

  it('works on a cluster, where one script may touch one slot only', async () => {
    const cluster = await valkeyServer({ isCluster: true });
    const there = valkeyRateCounters(cluster.url, PATIENT);
    const buckets = [bucket({ burst: 2 }), bucket({ burst: 1 }), bucket({ key: 'per_endpoint someone /api/v1/users/{user_id}' })];
    expect((await there.take(buckets)).allowed).toBe(true);
    expect((await there.take(buckets)).allowed).toBe(false);
    expect((await there.read(buckets)).emptyAt).not.toContain(null);
    await there.reset(buckets);
    expect((await there.take(buckets)).allowed).toBe(true);
    there.close();
    await cluster.stop();
  });

  it('leaves nothing behind once a bucket is empty again', async () => {
    const one = bucket({ limit: 1000, window_seconds: 1, burst: 5 });
    await counters.take([one]);
    await wait(30);
    expect((await counters.read([one])).emptyAt).toEqual([null]);
  });
});

describe('a server that is away', () => {
  const setUp = (deadlines = PATIENT) => {
    const told: unknown[] = [];
    const valkey = valkeyRateCounters(server.url, deadlines);
    let asked = 0;
    const shared: typeof valkey = {
      ...valkey,
      take: (buckets) => {
        asked += 1;
        return valkey.take(buckets);
      },
    };
    const limiter = rateLimiter({ shared, local: localCounters(clock), clock, onDegraded: (cause) => told.push(cause) });
    return { limiter, told, shared, asked: () => asked };
  };
  const admittedOf = async (limiter: ReturnType<typeof setUp>['limiter'], one: Bucket, requests: number) => {
    let admitted = 0;
    for (let request = 0; request < requests; request += 1) if (!(await limiter.check([one])).refusal) admitted += 1;
    return admitted;
  };

  it('that was started again in between is asked again, with nothing said: what it counted is lost, and nothing else', async () => {
    const { limiter, told, shared } = setUp();
    const one = bucket({ limit: 1, burst: 2 });
    expect(await admittedOf(limiter, one, 3)).toBe(2);
    await server.stop();
    await server.start();
    expect(await admittedOf(limiter, one, 3)).toBe(2);
    expect(told).toEqual([]);
    shared.close();
  });

  it('leaves every process with its own limits, at once and without an error', async () => {
    const { limiter, told, shared, asked } = setUp();
    const one = bucket({ limit: 1, burst: 4 });
    await limiter.check([one]);
    await server.stop();
    expect(await admittedOf(limiter, one, 20)).toBe(4);
    expect(asked()).toBe(2);
    expect(told).toHaveLength(1);
    await server.start();
    shared.close();
  });

  it('that accepts and never answers costs one short wait, and no more for five seconds', async () => {
    const { limiter, told, shared, asked } = setUp({ connectMs: 30_000, commandMs: 500 });
    const one = bucket({ limit: 1, burst: 4 });
    await limiter.check([one]);
    server.freeze();
    expect(await admittedOf(limiter, one, 20)).toBe(4);
    expect(asked()).toBe(2);
    expect(told).toHaveLength(1);
    server.thaw();
    shared.close();
  });
});
