import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { invokedRateCounters } from '../adapters/lambda/rate-counters.ts';
import { valkeyRateCounters } from '../adapters/valkey/rate-counters.ts';
import type { RouteContract } from '../contracts/route.ts';
import { requestApproval } from '../contracts/routes/approvals.ts';
import { execute } from '../contracts/routes/executions.ts';
import type { Actor } from '../core/identity/actor.ts';
import { type Bucket, bucketsOfArrival, bucketsOfCaller, type RateLimits } from '../core/limits/buckets.ts';
import { limitHeaders } from '../core/limits/headers.ts';
import { rateLimiter, type Verdict } from '../core/limits/limiter.ts';
import { localCounters } from '../core/limits/local-counters.ts';
import type { RateCounters } from '../core/limits/ports.ts';
import { recentRefusals } from '../core/limits/recent-refusals.ts';
import { readConfiguration } from './configuration.ts';
import { ApiError } from './errors.ts';
import { log } from './log.ts';
import { clock } from './system.ts';

/** Where a function counts: in Valkey itself, or by the function that reaches it. */
export type CountingSettings = { readonly VALKEY_URL: string } | { readonly CHECK_LIMITS_FUNCTION: string };

export interface RequestLimits {
  /** Before anything is read: throws `too_many_requests` where this process refused the same address a moment ago. */
  recall(event: APIGatewayProxyEventV2, contract: RouteContract | undefined): void;
  /** Counts a request, once, with the address it came from and whoever showed who they are; throws `too_many_requests`. */
  count(
    event: APIGatewayProxyEventV2,
    contract: RouteContract | undefined,
    arrival: number,
    caller: Counted | null,
  ): Promise<void>;
  /** What the caller is told in any answer. */
  headersOf(event: APIGatewayProxyEventV2): Record<string, string>;
}

/** Who calls, and for how many each of their requests counts. */
interface Counted {
  readonly actor: Actor;
  readonly weight: number;
}

/** `onDegraded` is told at most once a minute that this process counts for itself. */
export function requestLimits(settings: CountingSettings, onDegraded: () => void): RequestLimits {
  const limits = readConfiguration().security.rate_limiting;
  const limiter = rateLimiter({
    shared: countersOf(settings),
    local: localCounters(clock),
    clock,
    onDegraded: (cause) => {
      log.error('the limiter counts for this process alone', cause);
      onDegraded();
    },
  });
  const verdicts = new WeakMap<APIGatewayProxyEventV2, Verdict>();
  const refusals = recentRefusals(clock);

  const holdTo = (event: APIGatewayProxyEventV2, verdict: Verdict): void => {
    verdicts.set(event, verdict);
    if (verdict.refusal) throw tooMany(verdict.refusal);
  };

  const bucketsAt = (event: APIGatewayProxyEventV2, contract: RouteContract | undefined, weight: number): Bucket[] =>
    bucketsOfArrival(limits, {
      address: event.headers['x-airlock-client-address'] ?? '',
      signIn: contract?.limits === 'sign_in' ? { account: accountIn(event) } : null,
      weight,
    });

  return {
    recall(event, contract) {
      const verdict = refusals.recall(bucketsAt(event, contract, 1));
      if (verdict) holdTo(event, verdict);
    },

    async count(event, contract, arrival, caller) {
      const ofArrival = bucketsAt(event, contract, arrival);
      const verdict = await limiter.check([...ofArrival, ...bucketsOf(limits, contract, caller)]);
      refusals.remember(ofArrival, verdict);
      holdTo(event, verdict);
    },

    headersOf: (event) => limitHeaders(verdicts.get(event)),
  };
}

const bucketsOf = (limits: RateLimits, contract: RouteContract | undefined, caller: Counted | null): Bucket[] =>
  caller === null || !contract
    ? []
    : bucketsOfCaller(limits, {
        user_id: caller.actor.user_id,
        key_id: caller.actor.credential.kind === 'api_key' ? caller.actor.credential.key_id : null,
        path: contract.path,
        // An operation to approve disturbs people as much as a run to approve.
        isExecution: contract.id === execute.id || contract.id === requestApproval.id,
        weight: caller.weight,
      });

export const countersOf = (settings: CountingSettings): RateCounters =>
  'VALKEY_URL' in settings ? valkeyRateCounters(settings.VALKEY_URL) : invokedRateCounters(settings.CHECK_LIMITS_FUNCTION);

/** Whose account a try is about, before its body is held to its schema: what is no account there signs nobody in. */
export function accountIn(event: APIGatewayProxyEventV2): string | null {
  if ((event.body?.length ?? 0) > ACCOUNT_BODY_MAX) return null;
  const text = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8').toString('utf8');
  if (event.headers['content-type']?.startsWith('application/x-www-form-urlencoded'))
    return new URLSearchParams(text).get('email');
  try {
    const body: unknown = JSON.parse(text);
    const email = body !== null && typeof body === 'object' ? Reflect.get(body, 'email') : null;
    return typeof email === 'string' ? email : null;
  } catch {
    return null;
  }
}
/** More than a sign-in's body may have, also in base64. */
const ACCOUNT_BODY_MAX = 32 * 1024;

function tooMany({ bucket, retryAfterSeconds }: NonNullable<Verdict['refusal']>): ApiError {
  const rate = `${bucket.limit} requests ${WINDOWS[bucket.window_seconds] ?? `in ${bucket.window_seconds} seconds`}`;
  const detail = `The limit ${bucket.policy} of ${rate}, ${bucket.burst} of them at once, is used up. Come again in ${retryAfterSeconds} s.`;
  const limit = {
    name: bucket.policy,
    requests: bucket.limit,
    window_seconds: bucket.window_seconds,
    burst: bucket.burst,
    retry_after_seconds: retryAfterSeconds,
  };
  return new ApiError('too_many_requests', detail, { limit });
}
const WINDOWS: Record<number, string> = { 60: 'a minute', 3600: 'an hour' };
