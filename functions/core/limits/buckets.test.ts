import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { addressOrNetwork } from '../../contracts/security-event.ts';
import { bucketsOfArrival, bucketsOfCaller, bucketsOfSubject, networkOf } from './buckets.ts';

const limits = configuration.security.rate_limiting;
const caller = { user_id: 'someone', key_id: null, path: '/api/v1/executions', isExecution: false };
const arrival = { address: '192.0.2.1', signIn: null };
const policies = (buckets: readonly { policy: string }[]) => buckets.map(({ policy }) => policy);
const keyOf = (buckets: readonly { policy: string; key: string }[], policy: string) =>
  buckets.find((bucket) => bucket.policy === policy)?.key;

describe('the limits of a request', () => {
  it('are those of everybody together and of its address, before anybody is known', () => {
    expect(bucketsOfArrival(limits, arrival)).toEqual([
      { policy: 'global', key: 'global all', limit: 10_000, window_seconds: 60, burst: 1000, weight: 1 },
      { policy: 'per_address', key: 'per_address 192.0.2.1', limit: 600, window_seconds: 60, burst: 100, weight: 1 },
    ]);
  });

  it('are those of its user, and with a key those of the key too', () => {
    expect(policies(bucketsOfCaller(limits, caller))).toEqual(['per_user']);
    expect(policies(bucketsOfCaller(limits, { ...caller, key_id: 'key_1' }))).toEqual(['per_user', 'per_key']);
  });

  it('of submitting are besides the endpoint’s a minute and the user’s an hour', () => {
    const buckets = bucketsOfCaller(limits, { ...caller, path: '/api/v1/execute', isExecution: true });
    expect(buckets).toMatchObject([
      { policy: 'per_user' },
      { policy: 'per_endpoint', limit: 120, window_seconds: 60, burst: 120 },
      { policy: 'executions_per_hour', limit: 500, window_seconds: 3600, burst: 500 },
    ]);
  });

  it('are not another user’s, and a second key brings no second limit of its owner', () => {
    const ask = { ...caller, path: '/api/v1/execute', isExecution: true };
    const keys = (user_id: string, key_id: string | null) =>
      bucketsOfCaller(limits, { ...ask, user_id, key_id }).map(({ key }) => key);
    expect(new Set([...keys('a', null), ...keys('b', null)]).size).toBe(6);
    expect(keys('a', 'key_2').filter((key) => !keys('a', 'key_1').includes(key))).toEqual(['per_key key_2']);
  });

  it('a path that is named like a part of every object has no limit of its own', () => {
    for (const path of ['__proto__', 'constructor', 'toString'])
      expect(policies(bucketsOfCaller(limits, { ...caller, path }))).toEqual(['per_user']);
  });

  it('a request counts for at most the burst, so that no weight refuses for ever', () => {
    fc.assert(
      fc.property(fc.double({ min: -10, max: 1e9, noNaN: true }), (weight) => {
        for (const bucket of bucketsOfCaller(limits, { ...caller, weight })) {
          expect(bucket.weight).toBeGreaterThanOrEqual(1);
          expect(bucket.weight).toBeLessThanOrEqual(bucket.burst);
          expect(Number.isInteger(bucket.weight)).toBe(true);
        }
      }),
    );
  });
});

describe('the limits of signing in', () => {
  const tryOn = (address: string, account: string | null) => bucketsOfArrival(limits, { address, signIn: { account } });

  it('are slower, for the address and for the account at this address', () => {
    expect(tryOn('192.0.2.1', 'ada@example.org')).toMatchObject([
      { policy: 'global' },
      { policy: 'per_address' },
      { policy: 'sign_in_per_address', limit: 10, window_seconds: 60 },
      { policy: 'sign_in_per_account', limit: 5, window_seconds: 60 },
    ]);
  });

  it('cannot be used up for somebody else: tries from elsewhere are counted elsewhere', () => {
    const mine = tryOn('192.0.2.1', 'ada@example.org');
    const theirs = tryOn('198.51.100.7', 'ada@example.org');
    expect(mine.filter(({ key }) => theirs.some((bucket) => bucket.key === key)).map(({ policy }) => policy)).toEqual(['global']);
  });

  it('are the same for one account however it is written, and name it nowhere', () => {
    const key = keyOf(tryOn('192.0.2.1', 'ada@example.org'), 'sign_in_per_account');
    expect(keyOf(tryOn('192.0.2.1', ' ADA@Example.ORG '), 'sign_in_per_account')).toBe(key);
    expect(keyOf(tryOn('192.0.2.1', 'eve@example.org'), 'sign_in_per_account')).not.toBe(key);
    expect(key).not.toContain('ada');
  });

  it('hold for the address also when no account is named', () => {
    expect(policies(tryOn('192.0.2.1', null))).toEqual(['global', 'per_address', 'sign_in_per_address']);
  });
});

describe('what counts as one address', () => {
  it('is one of IPv4, also where it is written into IPv6', () => {
    expect(networkOf('192.0.2.1')).toBe('192.0.2.1');
    for (const written of ['::ffff:192.0.2.1', '::FFFF:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:ffff:c000:0201'])
      expect(networkOf(written)).toBe('192.0.2.1');
    expect(networkOf('999.1.1.1')).toBe('unknown');
  });

  it('is the half of an IPv6 address that one subscriber has at least, however it is written', () => {
    const same = ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0DB8:0001:0002:0:0:0:9'];
    expect([...new Set(same.map(networkOf))]).toEqual(['2001:db8:1:2::/64']);
    expect(networkOf('2001:db8:1:3::1')).toBe('2001:db8:1:3::/64');
    expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
  });

  it('is, of any address, something that can be stored, read back and asked for again', () => {
    const anyAddress = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(anyAddress, (address) => {
        const network = networkOf(address);
        expect(networkOf(network)).toBe(network);
        expect(addressOrNetwork.safeParse(network).success, network).toBe(true);
        expect(addressOrNetwork.safeParse(address).success, address).toBe(true);
      }),
    );
    for (const no of ['2001:db8::/48', '192.0.2.0/24', 'unknown', '2001:db8::/64/64', ''])
      expect(addressOrNetwork.safeParse(no).success, no).toBe(false);
  });

  it('is one for all that is no address', () => {
    for (const text of ['', 'nonsense', '2001:db8:::1', '192.0.2', '[::1]', '1.2.3.4:80', 'a'.repeat(1000)])
      expect(networkOf(text)).toBe('unknown');
  });
});

describe('the limits of a subject, as an admin sees them', () => {
  it.each(['user_id', 'key_id', 'address'] as const)('are those its requests are counted in: %s', (kind) => {
    const ask = { user_id: '192.0.2.1', key_id: '192.0.2.1', path: '/api/v1/execute', isExecution: true };
    const counted = [
      ...bucketsOfCaller(limits, ask),
      ...bucketsOfArrival(limits, { address: '192.0.2.1', signIn: { account: null } }),
    ].map(({ key }) => key);
    const shown = bucketsOfSubject({ ...limits, per_endpoint: { '/api/v1/execute': 120 } }, { kind, id: '192.0.2.1' });
    expect(shown.length).toBeGreaterThan(0);
    for (const { key } of shown) expect(counted).toContain(key);
    for (const { policy } of shown) expect(policy).not.toBe('global');
  });
});
