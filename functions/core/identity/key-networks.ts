/** From where a key is used: wide enough that one place is one network, whoever gives it its addresses. */
import { networkOf } from '../limits/buckets.ts';

/** The /24 of an IPv4 address, the /48 of an IPv6 address. */
export function keyNetworkOf(address: string): string {
  const network = networkOf(address);
  if (network === 'unknown') return network;
  if (!network.includes(':')) return network.replace(/\.\d+$/, '.0/24');
  return `${network.split(':').slice(0, 3).join(':')}::/48`;
}

/** So many are remembered of a key; then the one it was seen in longest ago is forgotten. */
export const MOST_KEY_NETWORKS = 32;

/**
 * What a use from `network` means beside those the key was seen in, with the time of each. The first of all is where it was made to be
 * used, and no news.
 */
export function networkUse(
  known: ReadonlyMap<string, string>,
  network: string,
): { readonly isNew: boolean; readonly forget: readonly string[] } {
  const isNew = known.size > 0 && !known.has(network);
  if (!isNew || known.size < MOST_KEY_NETWORKS) return { isNew, forget: [] };
  const oldestFirst = [...known].sort(([, a], [, b]) => a.localeCompare(b)).map(([name]) => name);
  return { isNew, forget: oldestFirst.slice(0, known.size - MOST_KEY_NETWORKS + 1) };
}
