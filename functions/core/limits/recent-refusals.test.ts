import { expect, it } from 'vitest';
import type { Bucket, Policy } from './buckets.ts';
import type { Verdict } from './limiter.ts';
import { recentRefusals } from './recent-refusals.ts';

const bucket = (policy: Policy, subject: string): Bucket => ({
  policy,
  key: `${policy} ${subject}`,
  limit: 60,
  window_seconds: 60,
  burst: 1,
  weight: 1,
});
const refusedBy = (refusing: Bucket): Verdict => ({
  standings: [],
  refusal: { bucket: refusing, retryAfterSeconds: 6 },
});
const address = bucket('per_address', '192.0.2.1');
const other = bucket('per_address', '192.0.2.2');
const user = bucket('per_user', 'ada');

function setUp() {
  let now = 0;
  const refusals = recentRefusals({ now: () => new Date(now) });
  return {
    ...refusals,
    later: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

it('who was refused is for a second, without anybody being asked; others are not', () => {
  const { recall, remember, later } = setUp();
  const verdict = refusedBy(address);
  remember([address], verdict);
  expect(recall([other])).toBeNull();
  expect(recall([bucket('global', 'all'), address])).toBe(verdict);
  later(999);
  expect(recall([address])).toBe(verdict);
  later(1);
  expect(recall([address])).toBeNull();
});

it('what was let through, or refused for another reason than where it came from, is not remembered', () => {
  const { recall, remember } = setUp();
  remember([address], { standings: [], refusal: null });
  remember([address], refusedBy(user));
  expect(recall([address])).toBeNull();
  expect(recall([user])).toBeNull();
});

it('a flood from more addresses than are remembered does not grow it', () => {
  const { recall, remember } = setUp();
  const addresses = Array.from({ length: 5001 }, (_, index) => bucket('per_address', String(index)));
  for (const one of addresses) remember([one], refusedBy(one));
  expect(addresses.filter((one) => recall([one]))).toHaveLength(1);
});
