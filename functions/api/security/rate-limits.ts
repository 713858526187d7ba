import { v7 } from 'uuid';
import { dynamoLimitResets } from '../../adapters/dynamo/security.ts';
import type { RateLimitStatus } from '../../contracts/routes/limits.ts';
import * as routes from '../../contracts/routes/limits.ts';
import { type LimitedSubject, networkOf } from '../../core/limits/buckets.ts';
import { resetOf } from '../../core/limits/resets.ts';
import { resetLimits, statusOf } from '../../core/limits/status.ts';
import { ok, type Route, route } from '../../runtime/api-handler.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { ApiError } from '../../runtime/errors.ts';
import { type CountingSettings, countersOf } from '../../runtime/rate-limits.ts';
import { clock } from '../../runtime/system.ts';

type Settings = CountingSettings & { readonly SECURITY_TABLE: string; readonly AUDIT_TABLE: string };

export function rateLimitRoutes(settings: Settings): Route[] {
  const counters = countersOf(settings);
  const resets = dynamoLimitResets({ security: settings.SECURITY_TABLE, audit: settings.AUDIT_TABLE });
  const limits = readConfiguration().security.rate_limiting;
  return [
    route(routes.getRateLimits, async ({ query }) => ok(await known(statusOf(counters, limits, subjectOf(query))))),

    route(routes.resetRateLimits, async ({ actor, body }) => {
      const subject = subjectOf(body);
      const { reset, record } = resetOf(`rst_${v7()}`, subject, actor.user_id, clock.now());
      await resets.create(reset, record);
      return ok(await known(resetLimits(counters, limits, subject)));
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
  return key_id === undefined ? { kind: 'address', id: networkOf(address) } : { kind: 'key_id', id: key_id };
}

/** What one process counted while Valkey was away says nothing of the others, so then there is no answer. */
const known = (work: Promise<RateLimitStatus>): Promise<RateLimitStatus> =>
  work.catch((cause: unknown) => {
    throw new ApiError('unavailable', 'Where requests are counted does not answer. Try again in a few seconds.', { cause });
  });
