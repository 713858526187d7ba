/** What the wrapper of every route tells the watch over security, and what it asks it. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { dynamoAdminAddresses, dynamoRestrictions } from '../adapters/dynamo/security.ts';
import { dynamoSecurityEvents } from '../adapters/dynamo/security-events.ts';
import type { ApiErrorCode } from '../contracts/errors.ts';
import { ADMIN_ROLE } from '../contracts/identity.ts';
import type { RouteContract } from '../contracts/route.ts';
import type { ResponseKind, ResponseSubject, SecurityEventType, Severity } from '../contracts/security-event.ts';
import { type Actor, isVisitor } from '../core/identity/actor.ts';
import { networkOf } from '../core/limits/buckets.ts';
import { accountDigest, eventOf, type SecurityEventDraft } from '../core/security/events.ts';
import { subjectName } from '../core/security/responses.ts';
import { tally } from '../core/security/tally.ts';
import { ApiError } from './errors.ts';
import { log, unreadableRow } from './log.ts';
import { accountIn } from './rate-limits.ts';
import { clock } from './system.ts';

export interface Arrival {
  readonly weight: number;
  readonly blocked: ApiError | null;
}

export interface Watch {
  /** How much each request of the address counts, and, where it is blocked, the refusal for all but an admin who signed in. */
  arrive(address: string): Promise<Arrival>;
  /** Refuses a suspended key; otherwise how much each request of this caller counts. */
  admit(actor: Actor, address: string): Promise<number>;
  /** Counts a refusal. */
  refused(event: APIGatewayProxyEventV2, contract: RouteContract | undefined, actor: Actor | null, refusal: ApiError): void;
  /** Counts something else that was noticed. */
  noticed(draft: SecurityEventDraft): void;
  /** Writes down at most one of what was counted. Never fails, and answers within what a write may take. */
  write(): Promise<void>;
}

/** A request of somebody who was slowed down counts for so many. */
const SLOWED_WEIGHT = 5;
const CACHED_MS = 1000;
const MOST_CACHED = 5000;
/** An admin's address is good for a day; it is written down again every hour. */
const NOTED_EVERY_MS = 3600_000;

const NOTICED: Partial<Record<ApiErrorCode, { readonly type: SecurityEventType; readonly severity: Severity }>> = {
  unauthenticated: { type: 'authentication_failure', severity: 'low' },
  forbidden: { type: 'permission_denied', severity: 'low' },
  not_through_front_door: { type: 'permission_denied', severity: 'medium' },
  too_many_requests: { type: 'rate_limit_exceeded', severity: 'low' },
};

/** A key may be in other hands, and would bring their address a day of safety, or a way past a block; so would a link. */
export const isSignedInAdmin = (actor: Actor): boolean =>
  actor.credential.kind !== 'api_key' && !isVisitor(actor) && actor.roles.includes(ADMIN_ROLE);

export function watchOver(settings: { readonly SECURITY_TABLE: string }): Watch {
  const restrictions = dynamoRestrictions(settings.SECURITY_TABLE);
  const adminAddresses = dynamoAdminAddresses(settings.SECURITY_TABLE);
  const events = dynamoSecurityEvents(settings.SECURITY_TABLE, unreadableRow);
  const counts = tally();
  const known = new Map<string, { readonly until: number; readonly kinds: ReadonlyMap<ResponseKind, string> }>();
  const notedAt = new Map<string, number>();

  async function holding(subject: ResponseSubject): Promise<ReadonlyMap<ResponseKind, string>> {
    const name = subjectName(subject);
    const now = clock.now();
    const before = known.get(name);
    if (before && before.until > now.getTime()) return before.kinds;
    const kinds = await restrictions.of(name, now);
    if (known.size >= MOST_CACHED) known.clear();
    known.set(name, { until: now.getTime() + CACHED_MS, kinds });
    return kinds;
  }

  const weightOf = (kinds: ReadonlyMap<ResponseKind, string>): number => (kinds.has('slow_down') ? SLOWED_WEIGHT : 1);

  async function noteAdmin(actor: Actor, address: string): Promise<void> {
    const now = clock.now();
    if (!isSignedInAdmin(actor)) return;
    if (now.getTime() - (notedAt.get(address) ?? 0) < NOTED_EVERY_MS) return;
    if (notedAt.size >= MOST_CACHED) notedAt.clear();
    notedAt.set(address, now.getTime());
    await adminAddresses.note(networkOf(address), now).catch((error: unknown) => log.error('an address was not noted', error));
  }

  return {
    async arrive(address) {
      const kinds = await holding({ address: networkOf(address) });
      const blockedUntil = kinds.get('block_address');
      if (blockedUntil === undefined) return { weight: weightOf(kinds), blocked: null };
      const seconds = Math.max(1, Math.ceil((Date.parse(blockedUntil) - clock.now().getTime()) / 1000));
      const blocked = new ApiError('forbidden', `Requests from this address are refused until ${blockedUntil}.`, {
        headers: { 'retry-after': String(seconds) },
      });
      return { weight: weightOf(kinds), blocked };
    },

    async admit(actor, address) {
      const { credential } = actor;
      const [ofUser, ofKey] = await Promise.all([
        holding({ user_id: actor.user_id }),
        credential.kind === 'api_key' ? holding({ key_id: credential.key_id }) : new Map<ResponseKind, string>(),
      ]);
      const suspendedUntil = ofKey.get('suspend_key');
      if (suspendedUntil !== undefined) {
        throw new ApiError('unauthenticated', `This key is suspended until ${suspendedUntil}.`, {
          headers: { 'www-authenticate': 'Bearer' },
        });
      }
      await noteAdmin(actor, address);
      return Math.max(weightOf(ofUser), weightOf(ofKey));
    },

    refused(event, contract, actor, { code, about }) {
      const known = about?.event_type ? { type: about.event_type, severity: about.severity ?? 'low' } : NOTICED[code];
      if (!known) return;
      const account = about?.account ?? (contract?.limits === 'sign_in' ? accountIn(event) : null);
      const draft: SecurityEventDraft = {
        event_type: known.type,
        severity: about?.severity ?? known.severity,
        // Round the front door that header is the caller's own.
        source_ip: code === 'not_through_front_door' ? 'unknown' : networkOf(event.headers['x-airlock-client-address'] ?? ''),
        user_id: actor?.user_id ?? about?.user_id ?? null,
        key_id: actor?.credential.kind === 'api_key' ? actor.credential.key_id : null,
        endpoint: contract?.id ?? 'unknown',
        details: account === null ? {} : { account: accountDigest(account) },
      };
      counts.count(eventOf(draft, clock.now()));
    },

    noticed(draft) {
      counts.count(eventOf(draft, clock.now()));
    },

    async write() {
      const event = counts.due(clock.now());
      if (!event) return;
      try {
        await events.add(event);
      } catch (error) {
        counts.count(event);
        log.error('an event was not written down', error, { event_id: event.event_id });
      }
      const forgotten = counts.forgotten();
      if (forgotten > 0) log.warn('events were forgotten', { count: forgotten });
    },
  };
}
