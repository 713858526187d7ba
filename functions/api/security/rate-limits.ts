import type { RateLimitStatus } from '../../contracts/routes/limits.ts';
import * as routes from '../../contracts/routes/limits.ts';
import type { LimitedSubject } from '../../core/limits/buckets.ts';
import { resetLimits, statusOf } from '../../core/limits/status.ts';
import { ok, type Route, route } from '../../runtime/api-handler.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { ApiError } from '../../runtime/errors.ts';
import { log } from '../../runtime/log.ts';
import { type CountingSettings, countersOf } from '../../runtime/rate-limits.ts';

export function rateLimitRoutes(settings: CountingSettings): Route[] {
  const counters = countersOf(settings);
  const limits = readConfiguration().security.rate_limiting;
  return [
    route(routes.getRateLimits, async ({ query }) => ok(await known(statusOf(counters, limits, subjectOf(query))))),

    route(routes.resetRateLimits, async ({ actor, body }) => {
      const subject = subjectOf(body);
      const status = await known(resetLimits(counters, limits, subject));
      log.info('limits were reset', { by: actor.user_id, kind: subject.kind, subject: subject.id });
      return ok(status);
    }),
  ];
}

interface Asked {
  readonly user_id?: string | undefined;
  readonly key_id?: string | undefined;
  readonly address?: string | undefined;
}

/** The schema lets exactly one of them through. */
function subjectOf({ user_id, key_id, address = '' }: Asked): LimitedSubject {
  if (user_id !== undefined) return { kind: 'user_id', id: user_id };
  return key_id === undefined ? { kind: 'address', id: address } : { kind: 'key_id', id: key_id };
}

/** What one process counted while Valkey was away says nothing of the others, so then there is no answer. */
const known = (work: Promise<RateLimitStatus>): Promise<RateLimitStatus> =>
  work.catch((cause: unknown) => {
    throw new ApiError('unavailable', 'Where requests are counted does not answer. Try again in a few seconds.', { cause });
  });
