/** Which limits a request must keep to, from the numbers of the configuration. */
import { z } from 'zod';
import { sha256 } from '../text/json.ts';
import type { Rate } from './gcra.ts';
import type { Counter } from './ports.ts';

/** One thing that is counted: a limit's name, and whose it is. */
export interface Bucket extends Counter {
  readonly policy: Policy;
  /** Of `per_endpoint`: which. */
  readonly endpoint?: string;
}

export type Policy =
  | 'global'
  | 'per_address'
  | 'sign_in_per_address'
  | 'sign_in_per_account'
  | 'per_user'
  | 'per_key'
  | 'per_endpoint'
  | 'executions_per_hour';

interface Limit {
  readonly requests_per_minute: number;
  readonly burst_limit: number;
}

/** `rate_limiting` of the configuration, of one stage. */
export interface RateLimits {
  readonly global: Limit;
  readonly per_address: Limit;
  readonly per_user: Limit & { readonly execution_requests_per_hour: number };
  readonly per_key: Limit;
  /** Requests a minute of one user, by path. */
  readonly per_endpoint: Readonly<Record<string, number>>;
  readonly login: { readonly attempts_per_minute: number; readonly attempts_per_account_per_minute: number };
}

/** What is known before anybody has shown who they are. */
export interface Arrival {
  readonly address: string;
  /** A try to get in, with the account it names where it names one. */
  readonly signIn: { readonly account: string | null } | null;
  readonly weight?: number;
}

/** Everybody together, one address, and for tries to get in their own slower limits. */
export function bucketsOfArrival(limits: RateLimits, { address, signIn, weight = 1 }: Arrival): Bucket[] {
  const network = networkOf(address);
  return [
    bucket('global', 'all', perMinute(limits.global), 1),
    bucket('per_address', network, perMinute(limits.per_address), weight),
    ...(signIn ? signInBuckets(limits, network, signIn.account, weight) : []),
  ];
}

/**
 * Tries on an account are counted for each address on its own: whoever fails on somebody else's account from elsewhere takes nothing
 * from them. The account is kept as a digest, long as it may be.
 */
function signInBuckets({ login }: RateLimits, network: string, account: string | null, weight: number): Bucket[] {
  const ofAddress = bucket('sign_in_per_address', network, withoutBurst(login.attempts_per_minute, MINUTE), weight);
  if (account === null) return [ofAddress];
  const subject = sha256(JSON.stringify([network, account.trim().toLowerCase()]));
  return [ofAddress, bucket('sign_in_per_account', subject, withoutBurst(login.attempts_per_account_per_minute, MINUTE), weight)];
}

/** Somebody who showed who they are, and what they ask for. */
export interface Caller {
  readonly user_id: string;
  /** The key they used, where they used one. Its requests are its owner's too: more keys give nobody more. */
  readonly key_id: string | null;
  readonly path: string;
  readonly isExecution: boolean;
  readonly weight?: number;
}

export function bucketsOfCaller(limits: RateLimits, { user_id, key_id, path, isExecution, weight = 1 }: Caller): Bucket[] {
  const perEndpoint = Object.hasOwn(limits.per_endpoint, path) ? limits.per_endpoint[path] : undefined;
  return [
    bucket('per_user', user_id, perMinute(limits.per_user), weight),
    ...(key_id === null ? [] : [bucket('per_key', key_id, perMinute(limits.per_key), weight)]),
    ...(perEndpoint === undefined ? [] : [endpointBucket(user_id, path, perEndpoint, weight)]),
    ...(isExecution ? [executionsBucket(limits, user_id, weight)] : []),
  ];
}

export type LimitedSubject =
  | { readonly kind: 'user_id' | 'key_id'; readonly id: string }
  | { readonly kind: 'address'; readonly id: string };

/** Every bucket of one subject; those of an address and one account are found by nobody, as accounts are not named here. */
export function bucketsOfSubject(limits: RateLimits, { kind, id }: LimitedSubject): Bucket[] {
  if (kind === 'address') return bucketsOfArrival(limits, { address: id, signIn: { account: null } }).slice(1);
  if (kind === 'key_id') return [bucket('per_key', id, perMinute(limits.per_key), 1)];
  return [
    bucket('per_user', id, perMinute(limits.per_user), 1),
    executionsBucket(limits, id, 1),
    ...Object.entries(limits.per_endpoint).map(([path, limit]) => endpointBucket(id, path, limit, 1)),
  ];
}

const ipv4 = z.ipv4();

/**
 * What counts as one address: an IPv4 address, or the 64 bits of an IPv6 address that one subscriber has at least. Whatever is neither
 * shares one bucket. The network of a network is itself.
 */
export function networkOf(address: string): string {
  const plain = address.replace(/\/64$/, '');
  if (ipv4.safeParse(plain).success) return plain;
  const canonical = /^[0-9a-f:.]+$/i.test(plain) ? URL.parse(`http://[${plain}]/`)?.hostname.slice(1, -1) : undefined;
  if (canonical === undefined) return 'unknown';
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  const groups = [...left, ...zeros, ...right];
  return writtenIntoIpv6(groups) ?? `${groups.slice(0, 4).join(':')}::/64`;
}

/** `::ffff:192.0.2.1` is an IPv4 address, however it is written. */
function writtenIntoIpv6(groups: readonly string[]): string | null {
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return null;
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((sixteenBits) => [sixteenBits >> 8, sixteenBits & 255])
    .join('.');
}

const MINUTE = 60;
const HOUR = 3600;

const perMinute = ({ requests_per_minute, burst_limit }: Limit): Rate => ({
  limit: requests_per_minute,
  window_seconds: MINUTE,
  burst: burst_limit,
});

/** Where no burst is configured, what a window allows may come at once. */
const withoutBurst = (limit: number, windowSeconds: number): Rate => ({ limit, window_seconds: windowSeconds, burst: limit });

const executionsBucket = ({ per_user }: RateLimits, userId: string, weight: number): Bucket =>
  bucket('executions_per_hour', userId, withoutBurst(per_user.execution_requests_per_hour, HOUR), weight);

const endpointBucket = (userId: string, path: string, limit: number, weight: number): Bucket => ({
  ...bucket('per_endpoint', `${userId} ${path}`, withoutBurst(limit, MINUTE), weight),
  endpoint: path,
});

const bucket = (policy: Policy, subject: string, rate: Rate, weight: number): Bucket => ({
  policy,
  key: `${policy} ${subject}`,
  ...rate,
  weight: Math.min(Math.max(1, Math.ceil(weight)), rate.burst),
});
