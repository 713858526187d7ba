import { randomBytes } from 'node:crypto';
import type { Approval, ApprovalStatus, ApprovalView } from '../../contracts/approval.ts';
import type { ApprovalsShown } from '../../contracts/routes/pages.ts';
import * as routes from '../../contracts/routes/pages.ts';
import type { ChangeOutcome } from '../../core/approval/decide.ts';
import { isEligible, isSame } from '../../core/approval/eligibility.ts';
import { isDecidableWithoutSignIn } from '../../core/approval/identification.ts';
import { listFor } from '../../core/approval/list.ts';
import { makeNonce, type NonceStore, useNonce } from '../../core/approval/nonce.ts';
import { addComment, type Delegate, delegate, withdrawByRequester } from '../../core/approval/places.ts';
import type { ApprovalStore } from '../../core/approval/ports.ts';
import { decidable } from '../../core/approval/versions.ts';
import { approvalSummaryOf } from '../../core/approval/view.ts';
import type { Clock } from '../../core/clock.ts';
import { type Actor, hasSecondFactor, isVisitor } from '../../core/identity/actor.ts';
import { csrfTokenOf } from '../../core/identity/page-session.ts';
import { approvalPage, hasLongText } from '../../core/pages/approval.ts';
import { approvalsPage } from '../../core/pages/approvals.ts';
import { type DecisionFields, type FormState, readDecision } from '../../core/pages/decision-form.ts';
import type { Viewer } from '../../core/pages/layout.ts';
import { type PlaceFields, readHours } from '../../core/pages/place-form.ts';
import { type Route, route } from '../../runtime/api-handler.ts';
import type { decision } from '../../runtime/approval-decision.ts';
import { sessionCookieOf, visitCookieOf } from '../../runtime/cookies.ts';
import { ApiError, refuseCursor } from '../../runtime/errors.ts';
import { PageError, pageAnswer, seeOther } from '../../runtime/pages.ts';

export interface PageParts {
  readonly approvals: ApprovalStore;
  readonly nonces: NonceStore;
  readonly clock: Clock;
  /** As the routes for programs have them: one rule for who sees what, one way to decide. */
  readonly seenRequest: (actor: Actor, approvalId: string) => Promise<Approval>;
  readonly viewOf: (row: Approval) => Promise<ApprovalView>;
  readonly change: (
    actor: Actor,
    approvalId: string,
    change: (request: Approval) => ChangeOutcome | Promise<ChangeOutcome>,
  ) => Promise<Approval>;
  readonly decideAs: ReturnType<typeof decision>;
  /** Who has this address and may approve; null when nobody does. */
  readonly delegateOf: (email: string) => Promise<Delegate | null>;
  /** Why this person could not decide it now; null when they could. */
  readonly whyNot: (actor: Actor, row: Approval) => Promise<string | null>;
}

const wanted = (status: ApprovalStatus, whose: 'all' | 'mine' | 'to_decide' = 'all', escalated = false) => ({
  status,
  whose,
  escalated,
});
const WANTED: Readonly<Record<ApprovalsShown, ReturnType<typeof wanted>>> = {
  to_decide: wanted('open', 'to_decide'),
  open: wanted('open'),
  escalated: wanted('open', 'all', true),
  mine: wanted('open', 'mine'),
  approved: wanted('approved'),
  denied: wanted('denied'),
  expired: wanted('expired'),
  withdrawn: wanted('withdrawn'),
};

type Arrived = Parameters<typeof sessionCookieOf>[0];

const NOTES = {
  decided: 'Your decision is recorded.',
  handed_on: 'Your place is handed on, and they are told.',
  commented: 'Your comment is there.',
  withdrawn: 'You took this back. Nothing runs.',
} as const;

export function approvalPages(parts: PageParts): readonly Route[] {
  const { approvals, clock, seenRequest, change } = parts;
  return [
    route(routes.showApprovals, async (request) => {
      const { actor, query } = request;
      const { show, cursor = null } = query;
      const now = clock.now();
      const page = await listFor(approvals, actor, { ...WANTED[show], limit: 20, cursor }, now).catch(refuseCursor);
      return pageAnswer(
        200,
        approvalsPage({
          approvals: page.items.map((row) => approvalSummaryOf(row, now)),
          nextCursor: page.cursor,
          isFirst: cursor === null,
          wanted: show,
          viewer: viewerOf(request, actor),
          now,
        }),
      );
    }),

    route(routes.showApproval, async (request) => {
      const { actor, params, query } = request;
      const row = await seenRequest(actor, params.approval_id);
      const said = query.done ? { note: NOTES[query.done] } : null;
      return pageAnswer(200, await shownPage(parts, request, actor, row, { isWhole: query.all !== undefined, said }));
    }),

    route(routes.decideOnPage, async (request) => {
      const { actor, params, body } = request;
      const { nonce, csrf_token: _, ...fields } = body;
      const row = await seenRequest(actor, params.approval_id);
      const fail = (error: ApiError, errors: FormErrors = []) =>
        refusedForm(parts, request, actor, params.approval_id, error, { fields, errors });
      const shownTo = { cookie: cookieOf(request, actor), approvalId: row.approval_id, digests: decidable(row) };
      const read = readDecision(fields, clock.now());
      // A form that is filled in wrongly has not been used.
      if ('errors' in read) throw await fail(new ApiError('validation_failed', 'Some fields are not as expected.'), read.errors);
      if (isVisitor(actor) && !isDecidableWithoutSignIn(row)) throw new ApiError('unauthenticated', 'Sign in to decide this.');
      // Whoever came by a link decides this one request, and nothing that comes after it.
      if (isVisitor(actor) && read.decision.standing)
        throw await fail(new ApiError('forbidden', 'Sign in to agree to later runs as well.'));
      const use = await useNonce(parts.nonces, shownTo, nonce, clock.now());
      if (use !== 'used') throw await fail(new ApiError('conflict', NONCE_PROBLEMS[use]));
      try {
        await change(actor, params.approval_id, (current) =>
          parts.decideAs(current, actor, read.decision, {
            channel: isVisitor(actor) ? 'email_link' : 'page',
            secondFactor: hasSecondFactor(actor),
          }),
        );
      } catch (error) {
        throw error instanceof ApiError ? await fail(error) : error;
      }
      return seeOther(`/approvals/${params.approval_id}?done=decided`);
    }),

    route(routes.delegateOnPage, async (request) => {
      const { actor, params, body } = request;
      const { csrf_token: _, ...place } = body;
      const fail = async (error: ApiError) => {
        const row = await seenRequest(actor, params.approval_id);
        return new PageError(
          error,
          await shownPage(parts, request, actor, row, { isWhole: false, said: { alert: error.message }, place }),
        );
      };
      // Before anybody is looked up: who may not see the request learns of nobody.
      await seenRequest(actor, params.approval_id);
      const until = readHours(body.hours, clock.now());
      if (until === undefined)
        throw await fail(new ApiError('validation_failed', 'Hours are a number above 0, and at most a year of them.'));
      const to = await parts.delegateOf(body.to);
      if (!to) throw await fail(new ApiError('validation_failed', 'Nobody who may approve has this address.'));
      const wanted = { until, reason: body.reason.trim() === '' ? null : body.reason };
      try {
        await change(actor, params.approval_id, (row) => delegate(row, actor, to, wanted, clock.now()));
      } catch (error) {
        throw error instanceof ApiError ? await fail(error) : error;
      }
      return seeOther(`/approvals/${params.approval_id}?done=handed_on`);
    }),

    route(routes.commentOnPage, async (request) => {
      const { actor, params, body } = request;
      await change(actor, params.approval_id, (row) => addComment(row, actor, body.text, clock.now()));
      return seeOther(`/approvals/${params.approval_id}?done=commented`);
    }),

    route(routes.withdrawOnPage, async ({ actor, params }) => {
      await change(actor, params.approval_id, (row) => withdrawByRequester(row, actor, null, clock.now()));
      return seeOther(`/approvals/${params.approval_id}?done=withdrawn`);
    }),
  ];
}

type FormErrors = Extract<FormState, { kind: 'form' }>['errors'];

const NONCE_PROBLEMS = {
  other: 'This request has changed since you opened it, or the form was of another page. Read it again, and decide then.',
  late: 'This page was open for too long. Read the request again, and decide then.',
  again: 'This form was sent before; what it decided, if anything, is below.',
} as const;

interface Filled {
  readonly fields: DecisionFields;
  readonly errors: FormErrors;
}

/** The page again, with what is the matter, and the form as it was filled in: with a nonce of its own, on what is there now. */
async function refusedForm(
  parts: PageParts,
  request: Arrived,
  actor: Actor,
  approvalId: string,
  error: ApiError,
  filled: Filled,
): Promise<PageError> {
  const row = await parts.seenRequest(actor, approvalId);
  const page = await shownPage(parts, request, actor, row, { isWhole: true, said: { alert: error.message }, filled });
  return new PageError(error, page);
}

interface Wanted {
  readonly isWhole: boolean;
  readonly said: { note: string } | { alert: string } | null;
  readonly filled?: Filled;
  readonly place?: PlaceFields;
}

async function shownPage(
  parts: PageParts,
  request: Arrived,
  actor: Actor,
  row: Approval,
  { isWhole, said, filled, place }: Wanted,
) {
  const now = parts.clock.now();
  const [view, whyNot] = await Promise.all([parts.viewOf(row), parts.whyNot(actor, row)]);
  const isOpen = row.status === 'open';
  const form = (): FormState => {
    if (whyNot !== null) return { kind: 'none', why: whyNot };
    if (!isWhole && hasLongText(view)) return { kind: 'open_first' };
    const shownTo = { cookie: cookieOf(request, actor), approvalId: row.approval_id, digests: decidable(row) };
    const nonce = makeNonce(shownTo, () => randomBytes(32).toString('base64url'), now);
    const mayAgree = !view.second_factor_required || hasSecondFactor(actor);
    return { kind: 'form', nonce, mayAgree, filled: filled?.fields ?? null, errors: filled?.errors ?? [] };
  };
  return approvalPage({
    ...{ view, viewer: viewerOf(request, actor), now, isWhole, said, form: form() },
    place: isOpen && !isVisitor(actor) && whyNot === null && isEligible(row, actor) ? { filled: place ?? null } : null,
    mayComment: isOpen && !isVisitor(actor),
    mayWithdraw: isOpen && isSame(row.requester, actor) && !isEligible(row, actor),
  });
}

/** Pages are for those who came with the cookie of one; the wrapper lets nobody else in. */
function cookieOf(request: Arrived, actor: Actor): string {
  const cookie = isVisitor(actor) ? visitCookieOf(request) : sessionCookieOf(request);
  if (cookie === null) throw new ApiError('unauthenticated', 'Sign in on the page.');
  return cookie;
}

const viewerOf = (request: Arrived, actor: Actor): Viewer => ({
  email: actor.email,
  csrfToken: csrfTokenOf(cookieOf(request, actor)),
  isVisitor: isVisitor(actor),
});
