/** Addresses that belong to the public internet. Whatever is not known to be one is none. */
import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Of the registries of special-purpose addresses (RFC 6890 and its updates), those that are not reachable everywhere. */
const SPECIAL_IPV4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const;
/** Of 2000::/3, the only range that is handed out; some of it leads into networks of version 4, or nowhere. */
const SPECIAL_IPV6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const;

const special = new BlockList();
for (const [network, prefix] of SPECIAL_IPV4) special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of SPECIAL_IPV6) special.addSubnet(network, prefix, 'ipv6');
const handedOut = new BlockList();
handedOut.addSubnet('2000::', 3, 'ipv6');

export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !special.check(address, 'ipv4');
  return version === 6 && handedOut.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

export class AddressNotPublic extends Error {
  override readonly name = 'AddressNotPublic';
}

/** For `request`: the address that was looked at is the one that is connected to. One that is not public among several is enough to refuse. */
export const publicLookup: LookupFunction = (hostname, options, answer) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error || !first) return answer(error ?? new AddressNotPublic('the name has no address'), []);
    if (!addresses.every(({ address }) => isPublicAddress(address))) {
      return answer(new AddressNotPublic('the name leads to an address that is not public'), []);
    }
    if (options.all) return answer(null, addresses);
    return answer(null, first.address, first.family);
  });
};
