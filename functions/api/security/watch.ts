import { v7 } from 'uuid';
import { dynamoSecurityEvents } from '../../adapters/dynamo/security-events.ts';
import { invokeLater } from '../../adapters/lambda/invoke.ts';
import * as routes from '../../contracts/routes/security.ts';
import type { SecurityResponse } from '../../contracts/security-event.ts';
import { networkOf } from '../../core/limits/buckets.ts';
import { eventOfResponse } from '../../core/security/events.ts';
import { misfit, respond, reverse } from '../../core/security/responses.ts';
import { ok, type Route, route } from '../../runtime/api-handler.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { ApiError, refuseCursor } from '../../runtime/errors.ts';
import { log, unreadableRow } from '../../runtime/log.ts';
import { responseParts } from '../../runtime/responses.ts';
import { clock } from '../../runtime/system.ts';

const DAY_MS = 24 * 3600_000;
const MOST_DAYS = 31;

export function watchRoutes(settings: {
  readonly SECURITY_TABLE: string;
  readonly AUDIT_TABLE: string;
  readonly IDENTITY_TABLE: string;
  readonly SOCKET_FUNCTION: string;
  readonly MONITOR_FUNCTION: string;
}): Route[] {
  const events = dynamoSecurityEvents(settings.SECURITY_TABLE, unreadableRow);
  const { monitoring } = readConfiguration().security;
  const parts = responseParts({
    tables: { security: settings.SECURITY_TABLE, audit: settings.AUDIT_TABLE, identity: settings.IDENTITY_TABLE },
    socketFunction: settings.SOCKET_FUNCTION,
    // From here nobody reaches the user pool. What counts here has ended by then; a token of the pool's own is worth nothing without it.
    directory: {
      signOut: (user) =>
        invokeLater(settings.MONITOR_FUNCTION, { sign_out: user }).catch((error: unknown) =>
          log.error('the user pool was not told', error, { user_id: user.user_id }),
        ),
    },
  });
  const { responses } = parts;

  return [
    route(routes.listSecurityEvents, async ({ query }) => {
      const { limit, cursor, from, to, source_ip: source, ...rest } = query;
      const filter = { ...rest, source_ip: source === undefined ? undefined : networkOf(source) };
      const end = to ?? clock.now().toISOString();
      const begin = from ?? new Date(Date.parse(end) - DAY_MS).toISOString();
      if (Date.parse(end) < Date.parse(begin) || Date.parse(end) - Date.parse(begin) > MOST_DAYS * DAY_MS) {
        const errors = [{ field: 'query.from', expected: `a time at most ${MOST_DAYS} days before \`to\``, received: begin }];
        throw new ApiError('validation_failed', 'The time asked for is too long, or runs backwards.', { errors });
      }
      const page = await events.list({ ...filter, from: begin, to: end }, limit ?? 50, cursor ?? null).catch(refuseCursor);
      return ok({ events: [...page.items], next_cursor: page.cursor });
    }),

    route(routes.listSecurityResponses, async ({ query }) => {
      const page = await responses.list(query.limit ?? 50, query.cursor ?? null).catch(refuseCursor);
      return ok({ responses: page.items.map(viewOf), next_cursor: page.cursor });
    }),

    route(routes.respondToThreat, async ({ actor, body, clientAddress }) => {
      const fits = misfit(body.kind, body.subject);
      const errors: { field: string; expected: string; received: string }[] = [];
      const received = JSON.stringify(body.subject);
      if (fits !== null) errors.push({ field: 'body.subject', expected: fits, received });
      const own = networkOf(clientAddress);
      const network = body.subject.address === undefined ? null : networkOf(body.subject.address);
      if (network === own && body.kind === 'block_address')
        errors.push({ field: 'body.subject.address', expected: 'another address than the one you are calling from', received });
      if (body.subject.user_id === actor.user_id && body.kind === 'slow_down')
        errors.push({ field: 'body.subject.user_id', expected: 'somebody else than yourself', received });
      if (errors.length > 0) throw new ApiError('validation_failed', 'This cannot be done about that.', { errors });
      const now = clock.now();
      const subject = network === null ? body.subject : { address: network };
      const made = await respond(
        parts,
        {
          response_id: `rsp_${v7()}`,
          kind: body.kind,
          subject,
          reason: body.reason,
          severity: 'high',
          minutes: body.minutes ?? monitoring.response_minutes,
        },
        { actor: actor.user_id, automatic: false },
        now,
      );
      if (!made) throw new Error('an id came twice');
      await events.add(eventOfResponse('security_response', made, own, now));
      return { status: 201 as const, body: viewOf(made) };
    }),

    route(routes.reverseResponse, async ({ actor, params, body, clientAddress }) => {
      const before = await responses.get(params.response_id);
      if (!before) throw new ApiError('not_found', 'There is no such resource, or it is not yours.');
      const now = clock.now();
      const after = await reverse(responses, before, { actor: actor.user_id, reason: body.reason }, now);
      if (after === 'conflict') throw new ApiError('conflict', 'Somebody reversed it at the same moment. Look at it again.');
      if (before.reversed_at === null)
        await events.add(eventOfResponse('response_reversed', after, networkOf(clientAddress), now));
      return ok(viewOf(after));
    }),
  ];
}

const viewOf = ({ audit_length: _, audit_head: __, ...response }: SecurityResponse) => response;
