/** What an approver, or whoever asked, does with a request besides deciding it. */
import type { Approval, OpenApproval } from '../../contracts/approval.ts';
import type { ApprovalChange } from './change.ts';
import { type ChangeOutcome, hasExpired, refused } from './decide.ts';
import { hasDecided, isEligible, isExcluded, isSame, nameOf, type Person } from './eligibility.ts';
import { NOBODY, toEverybody } from './notices.ts';

const MAX_DELEGATIONS = 50;
const MAX_COMMENTS = 50;

/** Whoever might be handed a place: as they are now. */
export interface Delegate extends Person {
  readonly disabled: boolean;
  /** Holds the permission `approve`. */
  readonly mayApprove: boolean;
}

/**
 * Hands the person's own place to somebody else until a time, or for good. Only who is eligible in their own right has a place, and it
 * stays one place: what is decided in it counts once, whoever of the two decides.
 */
export function delegate(
  request: Approval,
  person: Person,
  to: Delegate,
  wanted: { readonly until: string | null; readonly reason: string | null },
  now: Date,
): ChangeOutcome {
  const noPlace = whyNoPlace(request, person, now);
  if (noPlace || request.status !== 'open') return noPlace ?? closed(request);
  if (isSame(person, to)) return refused('validation_failed', 'Hand your place to somebody else than yourself.');
  if (to.disabled || !to.mayApprove) return refused('validation_failed', 'Hand your place to somebody who may approve.');
  if (isExcluded(request, to)) return refused('validation_failed', `${to.email} may not decide this request.`);
  if (hasDecidedAnything(request, to)) return refused('conflict', `${to.email} has decided already.`);
  if (wanted.until !== null && wanted.until <= now.toISOString())
    return refused('validation_failed', 'The time until which the place is handed on has passed.');
  const kept = request.delegations.filter((one) => !isSame(one.from, person));
  if (kept.length >= MAX_DELEGATIONS) return refused('conflict', `A request has at most ${MAX_DELEGATIONS} delegations.`);
  const delegation = { from: nameOf(person), to: nameOf(to), until: wanted.until, at: now.toISOString() };
  return {
    outcome: 'changed',
    change: {
      next: { ...request, delegations: [...kept, delegation] },
      action: wanted.until === null ? 'reassigned' : 'delegated',
      actor: person.user_id,
      details: { to: to.user_id, until: wanted.until, reason: wanted.reason },
      notices: [{ event: 'delegated', asks: true, audience: { eligible: NOBODY, people: [nameOf(to)], except: [] } }],
    },
  };
}

/** Why the person has no place to hand on; asked before anybody is looked up, so that who has none learns of nobody. */
export function whyNoPlace(request: Approval, person: Person, now: Date): ChangeOutcome | null {
  if (!isOpen(request, now)) return closed(request);
  if (!isEligible(request, person)) return refused('forbidden', 'You have no place of your own in this decision to hand on.');
  if (hasDecidedAnything(request, person)) return refused('conflict', 'You have decided already, or somebody in your place.');
  return null;
}

const hasDecidedAnything = (request: OpenApproval, person: Person): boolean =>
  request.versions.some((version) => hasDecided(request, person, version.digest));

/** By whoever asked, and whoever may or might decide. */
export function addComment(request: Approval, person: Person, text: string, now: Date): ChangeOutcome {
  if (!isOpen(request, now)) return closed(request);
  if (request.comments.length >= MAX_COMMENTS) return refused('conflict', `A request has at most ${MAX_COMMENTS} comments.`);
  const comment = { author: nameOf(person), text, at: now.toISOString() };
  return {
    outcome: 'changed',
    change: {
      next: { ...request, comments: [...request.comments, comment] },
      action: 'commented',
      actor: person.user_id,
      details: { length: text.length },
      notices: [toEverybody(request, 'commented')],
    },
  };
}

/** What was asked may be taken back by whoever asked, until it is decided. */
export function withdrawByRequester(request: Approval, person: Person, reason: string | null, now: Date): ChangeOutcome {
  if (!isSame(request.requester, person)) return refused('forbidden', 'Only whoever asked can withdraw a request.');
  const change = withdraw(request, person.user_id, now, reason);
  return change ? { outcome: 'changed', change } : refused('conflict', `This request is ${request.status} already.`);
}

/** Also when its execution is cancelled. */
export function withdraw(request: Approval, actor: string, now: Date, reason: string | null = null): ApprovalChange | null {
  if (request.status !== 'open') return null;
  return {
    next: { ...request, status: 'withdrawn', closed_at: now.toISOString() },
    action: 'withdrawn',
    actor,
    details: reason === null ? {} : { reason },
    notices: [toEverybody(request, 'withdrawn')],
  };
}

const isOpen = (request: Approval, now: Date): request is OpenApproval => request.status === 'open' && !hasExpired(request, now);

const closed = ({ status }: Approval): ChangeOutcome =>
  refused('conflict', status === 'open' ? 'This request has expired.' : `This request is ${status}.`);
