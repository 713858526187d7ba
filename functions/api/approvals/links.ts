/**
 * Personal links. Their address is asked once, for the token to move from it into a cookie; then a summary is shown; and only a press on
 * that page's button, with a nonce of its own, begins a visit. Whatever opens nothing is answered alike.
 */
import { randomBytes } from 'node:crypto';
import type { Approval } from '../../contracts/approval.ts';
import * as routes from '../../contracts/routes/personal-links.ts';
import { maySee } from '../../core/approval/access.ts';
import { isDecidableWithoutSignIn } from '../../core/approval/identification.ts';
import { makeNonce, type NonceStore, useNonce } from '../../core/approval/nonce.ts';
import {
  beginVisit,
  isLinkTo,
  type LinkStore,
  readLink,
  VISIT_SECONDS,
  type VisitStore,
} from '../../core/approval/personal-link.ts';
import type { ApprovalStore } from '../../core/approval/ports.ts';
import { wantsSecondFactor } from '../../core/approval/second-factor.ts';
import { decidable } from '../../core/approval/versions.ts';
import { approvalSummaryOf } from '../../core/approval/view.ts';
import type { Clock } from '../../core/clock.ts';
import type { Actor, RolePermissions } from '../../core/identity/actor.ts';
import type { IdentityStore } from '../../core/identity/ports.ts';
import { visitorOf } from '../../core/identity/visitor.ts';
import { deadLinkPage, linkPage } from '../../core/pages/link.ts';
import { type ApiRequest, type Route, route } from '../../runtime/api-handler.ts';
import { clearLinkCookie, linkCookieOf, publicOriginOf, setLinkCookie, setVisitCookie } from '../../runtime/cookies.ts';
import { ApiError } from '../../runtime/errors.ts';
import { log } from '../../runtime/log.ts';
import { PageError, pageAnswer, seeOther } from '../../runtime/pages.ts';

export interface LinkParts {
  readonly approvals: Pick<ApprovalStore, 'get'>;
  readonly identities: Pick<IdentityStore, 'get'>;
  readonly links: Pick<LinkStore, 'get'>;
  readonly visits: Pick<VisitStore, 'create'>;
  readonly nonces: NonceStore;
  readonly clock: Clock;
  readonly granted: RolePermissions;
  readonly mfaRoles: readonly string[];
  /** The user of a page's session, where the browser has one that counts. */
  readonly signedIn: (request: Arrived) => Promise<string | null>;
  readonly whyNot: (actor: Actor, row: Approval) => Promise<string | null>;
}

type Arrived = Pick<ApiRequest<typeof routes.showLink>, 'headers' | 'cookies' | 'clientAddress'>;

/** Until the button is pressed. */
const LINK_COOKIE_SECONDS = 15 * 60;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{43}$/;

export function approvalLinks(parts: LinkParts): readonly Route[] {
  const random = (): string => randomBytes(32).toString('base64url');
  return [
    route(routes.showLink, async (request) => {
      const { params, query } = request;
      if (query.token !== undefined) {
        if (!TOKEN_PATTERN.test(query.token)) throw madeUp();
        const { headers, ...moved } = seeOther(`/approvals/${params.approval_id}/link`);
        const cookies = [setLinkCookie(request, query.token, LINK_COOKIE_SECONDS)];
        return { ...moved, headers: { ...headers, 'referrer-policy': 'no-referrer' }, cookies };
      }
      const opened = await open(parts, request, params.approval_id);
      if (opened.to === 'page') return seeOther(`/approvals/${params.approval_id}`);
      const { row, token, actor, isEnough } = opened;
      const now = parts.clock.now();
      const nonce = isEnough ? makeNonce(shownTo(token, row), random, now) : null;
      return pageAnswer(
        200,
        linkPage({ summary: approvalSummaryOf(row, now), email: actor.email, signInAt: signInFor(row), nonce, now }),
      );
    }),

    route(routes.followLink, async (request) => {
      const { approval_id } = request.params;
      if (request.headers.origin !== publicOriginOf(request)) throw new ApiError('forbidden', 'Go on from the page itself.');
      const opened = await open(parts, request, approval_id);
      const page = `/approvals/${approval_id}`;
      if (opened.to === 'page') return seeOther(page);
      const { row, link, token, isEnough } = opened;
      if (!isEnough) return seeOther(signInFor(row));
      const now = parts.clock.now();
      const use = await useNonce(parts.nonces, shownTo(token, row), request.body.nonce, now);
      if (use !== 'used') return seeOther(`${page}/link`);
      const cookie = await beginVisit({ visits: parts.visits, random }, link, now);
      log.info('came by a personal link', { approval_id, user_id: link.user_id });
      const cookies = [setVisitCookie(request, cookie, VISIT_SECONDS), clearLinkCookie(request)];
      return { ...seeOther(page), cookies };
    }),
  ];
}

const shownTo = (token: string, row: Approval) => ({ cookie: token, approvalId: row.approval_id, digests: decidable(row) });

/** Where the request's recipient signs in, with whatever agreeing to it takes, and comes back to it. */
function signInFor(row: Approval): string {
  const query = new URLSearchParams({ return_to: `/approvals/${row.approval_id}` });
  if (wantsSecondFactor(row)) query.set('second_factor', '1');
  return `/sign-in?${query}`;
}

/** The request that the browser's link opens now, for the person it was sent to; or on to the request's own page, which asks by itself. */
async function open({ approvals, identities, links, clock, ...parts }: LinkParts, request: Arrived, approvalId: string) {
  const token = linkCookieOf(request);
  if (token === null) return { to: 'page' } as const;
  const [link, signedIn] = await Promise.all([readLink(links, token), parts.signedIn(request)]);
  if (link?.approval_id !== approvalId) throw madeUp();
  if (signedIn !== null && signedIn !== link.user_id) throw deadLink();
  if (signedIn !== null) return { to: 'page' } as const;
  const [row, identity] = await Promise.all([approvals.get(approvalId), identities.get(link.user_id)]);
  const now = clock.now();
  const visitor = visitorOf(identity, link, parts.granted, { mfaRoles: parts.mfaRoles, now });
  if (!row || visitor.standing === 'over' || !isLinkTo(link, row, now)) throw deadLink();
  const { actor, standing } = visitor;
  if (!maySee(actor, row, now) || (await parts.whyNot(actor, row)) !== null) throw deadLink();
  const isEnough = standing === 'accepted' && isDecidableWithoutSignIn(row);
  return { to: 'summary', row, link, token, actor, isEnough } as const;
}

const deadLink = (about: ConstructorParameters<typeof ApiError>[2] = {}): PageError =>
  new PageError(new ApiError('not_found', 'This link opens nothing.', about), deadLinkPage());

/** Whoever tries what nobody was sent is probing; whoever comes late is not. */
const madeUp = (): PageError => deadLink({ about: { event_type: 'authentication_failure', severity: 'low' } });
