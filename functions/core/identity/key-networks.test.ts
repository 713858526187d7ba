import { describe, expect, it } from 'vitest';
import { keyNetworkOf, MOST_KEY_NETWORKS, networkUse } from './key-networks.ts';

describe('the network of a use', () => {
  it.each([
    ['192.0.2.1', '192.0.2.0/24'],
    ['::ffff:192.0.2.200', '192.0.2.0/24'],
    ['2001:db8:1:2::5', '2001:db8:1::/48'],
    ['2001:db8:1:ffff::5', '2001:db8:1::/48'],
    ['nonsense', 'unknown'],
  ])('%s is of %s', (address, network) => {
    expect(keyNetworkOf(address)).toBe(network);
  });
});

describe('a key', () => {
  const seen = (count: number) =>
    new Map(Array.from({ length: count }, (_, n) => [`192.0.${n}.0/24`, `2026-11-23T10:00:${String(n).padStart(2, '0')}.000Z`]));

  it('is at home where it was used first, and where it was seen before', () => {
    expect(networkUse(new Map(), '192.0.2.0/24')).toEqual({ isNew: false, forget: [] });
    expect(networkUse(seen(3), '192.0.2.0/24')).toEqual({ isNew: false, forget: [] });
  });

  it('is abroad anywhere else, also when it was seen in many places', () => {
    expect(networkUse(seen(1), '198.51.100.0/24')).toEqual({ isNew: true, forget: [] });
    expect(networkUse(seen(MOST_KEY_NETWORKS), '198.51.100.0/24')).toEqual({ isNew: true, forget: ['192.0.0.0/24'] });
  });
});
