/** Lets in whoever came by a personal link, on the pages of its one request. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { dynamoIdentities } from '../adapters/dynamo/identities.ts';
import { dynamoVisits } from '../adapters/dynamo/personal-links.ts';
import { readVisit } from '../core/approval/personal-link.ts';
import type { Actor } from '../core/identity/actor.ts';
import { whyNotOwnPage } from '../core/identity/page-session.ts';
import { visitorOf } from '../core/identity/visitor.ts';
import { readConfiguration } from './configuration.ts';
import { publicOriginOf, visitCookieOf } from './cookies.ts';
import { ApiError } from './errors.ts';
import { clock } from './system.ts';

/** null: nobody came by a link to this request, or not any more. */
export type Visits = (event: APIGatewayProxyEventV2) => Promise<Actor | null>;

export function visitsBy(settings: { readonly EPHEMERA_TABLE: string; readonly IDENTITY_TABLE: string }): Visits {
  const store = dynamoVisits(settings.EPHEMERA_TABLE);
  const identities = dynamoIdentities({ identity: settings.IDENTITY_TABLE });
  const { authentication, authorization } = readConfiguration().security;
  return async (event) => {
    const cookie = visitCookieOf(event);
    const now = clock.now();
    const visit = cookie === null ? null : await readVisit(store, cookie, event.pathParameters?.approval_id, now);
    if (cookie === null || !visit) return null;
    const rules = { mfaRoles: authentication.mfa.required_for_roles, now };
    const visitor = visitorOf(await identities.get(visit.user_id), visit, authorization.roles, rules);
    if (visitor.standing !== 'accepted') return null;
    const { origin, 'x-csrf-token': csrfToken } = event.headers;
    const { method } = event.requestContext.http;
    const missing = whyNotOwnPage(cookie, { method, origin, csrfToken, publicOrigin: publicOriginOf(event) });
    if (missing !== null) throw new ApiError('forbidden', `With a session of a page: ${missing}.`);
    return visitor.actor;
  };
}
