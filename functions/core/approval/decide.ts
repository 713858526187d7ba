/**
 * The only ways an approval request changes. Channels (API, page, e-mail, chat) establish who the actor is; whether that actor may
 * decide, on what, and what it means, is answered here and nowhere else.
 */
import type { Approval, Decision, DecisionRequest } from '../../contracts/approval.ts';
import type { ApiErrorCode } from '../../contracts/errors.ts';
import { type AuditDraft, appendToChain } from '../audit/chain.ts';
import type { Actor } from '../identity/actor.ts';
import type { ApprovalStore } from './ports.ts';

type OpenApproval = Extract<Approval, { status: 'open' }>;

export interface ApprovalChange {
  readonly next: Approval;
  readonly action: string;
  readonly actor: string;
  readonly details: AuditDraft['details'];
}

export type DecisionOutcome =
  | { readonly outcome: 'decided'; readonly change: ApprovalChange }
  | { readonly outcome: 'refused'; readonly code: ApiErrorCode; readonly detail: string };

const refused = (code: ApiErrorCode, detail: string): DecisionOutcome => ({ outcome: 'refused', code, detail });

export function decide(request: Approval, actor: Actor, wanted: DecisionRequest, now: Date): DecisionOutcome {
  const eligible = actor.roles.some((role) => request.rule.eligible_roles.includes(role));
  if (!eligible) return refused('forbidden', `Deciding needs one of the roles ${request.rule.eligible_roles.join(', ')}.`);
  if (request.requester.user_id === actor.user_id)
    return refused('forbidden', 'You asked for this, so somebody else must decide.');
  if (request.status !== 'open') return refused('conflict', `This request is ${request.status}; it can no longer be decided.`);
  if (now.toISOString() >= request.expires_at)
    return refused('conflict', 'This request has expired; it can no longer be decided.');
  if (request.decisions.some((made) => made.approver.user_id === actor.user_id))
    return refused('conflict', 'You have decided already.');
  if (wanted.digest !== request.digest) {
    return refused(
      'digest_mismatch',
      `The digest sent is not the one of this request (${request.digest}). Look at the request again.`,
    );
  }
  const rationale = wanted.rationale?.trim() || null;
  if (request.rule.requires_rationale && rationale === null) {
    return refused('validation_failed', 'The rule wants a rationale with each decision.');
  }
  const decision: Decision = {
    approver: { user_id: actor.user_id, email: actor.email },
    decision: wanted.decision,
    digest: request.digest,
    rationale,
    decided_at: now.toISOString(),
  };
  const details = { decision: decision.decision, digest: decision.digest, rationale };
  return {
    outcome: 'decided',
    change: { next: withDecision(request, decision), action: 'decided', actor: actor.user_id, details },
  };
}

/** One denial ends it; approval takes as many distinct people as the rule says. */
function withDecision(request: OpenApproval, decision: Decision): Approval {
  const decisions = [...request.decisions, decision];
  if (decision.decision === 'deny') return { ...request, decisions, status: 'denied', closed_at: decision.decided_at };
  const approvers = new Set(decisions.map((made) => made.approver.user_id));
  if (approvers.size < request.rule.required_approvers) return { ...request, decisions };
  return { ...request, decisions, status: 'approved', closed_at: decision.decided_at };
}

/** Silence is never consent: an open request past its time is closed as expired. */
export function expire(request: Approval, now: Date): ApprovalChange | null {
  const at = now.toISOString();
  if (request.status !== 'open' || at < request.expires_at) return null;
  return { next: { ...request, status: 'expired', closed_at: at }, action: 'expired', actor: 'airlock', details: {} };
}

export function withdraw(request: Approval, actor: string, now: Date): ApprovalChange | null {
  if (request.status !== 'open') return null;
  return { next: { ...request, status: 'withdrawn', closed_at: now.toISOString() }, action: 'withdrawn', actor, details: {} };
}

const MAX_TRIES = 8;

/** Applies a change with its audit record; starts over when somebody else decided in between. Returns what the change answered last. */
export async function updateApproval<R extends { change: ApprovalChange } | null>(
  store: ApprovalStore,
  approvalId: string,
  now: Date,
  change: (row: Approval) => R,
): Promise<{ row: Approval | null; result: R | null }> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const row = await store.get(approvalId);
    const result = row && change(row);
    if (!row || !result) return { row, result: null };
    const { next, action, actor, details } = result.change;
    const at = now.toISOString();
    const { record, end } = appendToChain(approvalId, row, { action, actor, at, details });
    const after: Approval = { ...next, updated_at: at, ...end };
    if ((await store.save(row, after, record)) === 'saved') return { row: after, result };
  }
  throw new Error(`approval ${approvalId} was written by others ${MAX_TRIES} times in a row`);
}
