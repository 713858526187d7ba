/**
 * The only way a decision comes about. Channels (API, page, e-mail, chat) establish who the person is; whether they may decide, on
 * what, in whose place, and what it means, is answered here and nowhere else.
 */
import type { Approval, ApprovalVersion, Decision, DecisionRequest, OpenApproval } from '../../contracts/approval.ts';
import type { ApiErrorCode } from '../../contracts/errors.ts';
import type { ApprovalChange } from './change.ts';
import { expiryOf } from './clocks.ts';
import { capacityOf, eligibleNow, isTakenBack, nameOf, type Person } from './eligibility.ts';
import { audienceOf, toEverybody } from './notices.ts';
import { wantsSecondFactor } from './second-factor.ts';
import { grantProblem } from './standing.ts';
import { isOfRun, isTighter } from './versions.ts';

export type ChangeOutcome =
  | { readonly outcome: 'changed'; readonly change: ApprovalChange }
  | { readonly outcome: 'refused'; readonly code: ApiErrorCode; readonly detail: string };

export const refused = (code: ApiErrorCode, detail: string): ChangeOutcome => ({ outcome: 'refused', code, detail });

export type DecisionChannel = 'api' | 'page' | 'email_link' | 'slack';

export interface DecisionContext {
  /** The people who handed places on, with the roles and teams they have now; whoever is missing has none to give. */
  readonly delegators?: readonly Person[];
  /** What the conditions of this decision make of the version shown. */
  readonly tightened?: ApprovalVersion;
  /** Whether the person showed more than a password; not known is no. */
  readonly secondFactor?: boolean;
  /** By which way the person came, for the record. */
  readonly channel?: DecisionChannel;
}

export function decide(
  request: Approval,
  person: Person,
  wanted: DecisionRequest,
  now: Date,
  context: DecisionContext = {},
): ChangeOutcome {
  const { tightened } = context;
  const digest = tightened?.digest ?? wanted.digest;
  const capacity = capacityOf(request, person, digest, now, context.delegators ?? []);
  if (!capacity.may && capacity.code === 'forbidden') return refused(capacity.code, capacity.detail);
  if (request.status !== 'open') return refused('conflict', `This request is ${request.status}; it can no longer be decided.`);
  if (hasExpired(request, now)) return refused('conflict', 'This request has expired; it can no longer be decided.');
  if (!capacity.may) return refused(capacity.code, capacity.detail);
  const shown = request.versions.find((version) => version.digest === wanted.digest);
  if (!shown || (request.settled_digest !== null && shown.digest !== request.settled_digest)) {
    const known = request.settled_digest ?? request.versions.map((version) => version.digest).join(', ');
    return refused('digest_mismatch', `The digest sent is not the one of this request (${known}). Look at the request again.`);
  }
  if (wanted.decision === 'approve' && wantsSecondFactor(request) && context.secondFactor !== true)
    return refused('second_factor_wanted', SECOND_FACTOR_WANTED);
  const rationale = wanted.rationale?.trim() || null;
  if (request.rule.requires_rationale && rationale === null)
    return refused('validation_failed', 'The rule wants a rationale with each decision.');
  if (wanted.decision === 'deny' && (wanted.conditions || wanted.standing))
    return refused('validation_failed', 'Conditions and a standing approval go with an approval, not with a denial.');
  if (wanted.conditions || tightened) {
    const problem = conditionsProblem(request, shown, tightened);
    if (problem) return problem;
  }
  const notGranted = wanted.standing && grantProblem(request, wanted.standing, now);
  if (notGranted) return refused('validation_failed', notGranted);

  const decision: Decision = {
    approver: nameOf(person),
    on_behalf_of: capacity.on_behalf_of,
    decision: wanted.decision,
    digest,
    stage: request.stage,
    rationale,
    standing: wanted.standing ?? null,
    decided_at: now.toISOString(),
  };
  const versions = tightened && !isKnown(request, tightened) ? [...request.versions, tightened] : request.versions;
  const next = withDecision({ ...request, versions, decisions: [...request.decisions, decision] }, decision);
  return {
    outcome: 'changed',
    change: {
      next,
      action: 'decided',
      actor: person.user_id,
      details: {
        decision: decision.decision,
        digest,
        stage: request.rule.stages[request.stage]?.name ?? '',
        rationale,
        ...(context.channel ? { channel: context.channel } : {}),
        ...(capacity.on_behalf_of ? { on_behalf_of: capacity.on_behalf_of.user_id } : {}),
        ...(tightened ? { conditions: { ...tightened.limits, timeout_seconds: tightened.timeout_seconds } } : {}),
        ...(decision.standing ? { standing: { ...decision.standing } } : {}),
      },
      notices: noticesFor(request, next, now),
    },
  };
}

const SECOND_FACTOR_WANTED =
  'At this risk the rule wants approvals by people who signed in with a second factor. Sign in again with `"second_factor": true`, or deny.';

/** Late is late, also while nobody has closed the request yet. */
export const hasExpired = (request: Approval, now: Date): boolean =>
  request.expires_at !== null && now.toISOString() >= request.expires_at;

/** So many versions a request can have: each is one of an approver's conditions. */
const MAX_VERSIONS = 10;

const isKnown = (request: Approval, version: ApprovalVersion): boolean =>
  request.versions.some((known) => known.digest === version.digest);

function conditionsProblem(
  request: OpenApproval,
  shown: ApprovalVersion,
  tightened: ApprovalVersion | undefined,
): ChangeOutcome | null {
  if (!isOfRun(shown)) return refused('validation_failed', 'Conditions lower the limits of a run, and this is none.');
  if (request.stage > 0)
    return refused('conflict', 'Conditions are set in the first stage: those who agreed to what is shown agreed to it as it is.');
  if (!tightened || !isOfRun(tightened) || !isTighter(tightened, shown))
    return refused('validation_failed', 'Conditions may only lower limits, and have to lower at least one.');
  if (!isKnown(request, tightened) && request.versions.length >= MAX_VERSIONS)
    return refused('conflict', `A request has at most ${MAX_VERSIONS} versions. Agree to one of them, or deny.`);
  return null;
}

/** Distinct people of a stage who agree to a digest: one decision each, and none counted twice. */
export const agreedTo = (request: Approval, digest: string): number =>
  request.decisions.filter(
    (made) =>
      made.stage === request.stage && made.decision === 'approve' && made.digest === digest && !isTakenBack(request, made),
  ).length;

/** On the version most of them agreed on: agreements to different versions add up to nothing. */
export const mostAgreed = (request: Approval): number =>
  Math.max(...request.versions.map((version) => agreedTo(request, version.digest)));

function withDecision(request: OpenApproval, { decision, digest, decided_at: at }: Decision): Approval {
  const { stages, denial } = request.rule;
  const required = stages[request.stage]?.required_approvers ?? Number.POSITIVE_INFINITY;
  if (decision === 'deny') {
    const denials = request.decisions.filter((made) => made.stage === request.stage && made.decision === 'deny').length;
    const isOver = denial === 'ends' || denials >= required;
    return isOver ? { ...request, status: 'denied', closed_at: at } : request;
  }
  if (agreedTo(request, digest) < required) return request;
  const isLastStage = request.stage === stages.length - 1;
  if (isLastStage)
    return {
      ...request,
      status: 'approved',
      closed_at: at,
      approved_digest: digest,
      settled_digest: digest,
      standing_approval_id: null,
    };
  return {
    ...request,
    stage: request.stage + 1,
    stage_started_at: at,
    level: 0,
    reminders: 0,
    settled_digest: digest,
    expires_at: expiryOf(request.rule, at),
  };
}

function noticesFor(before: Approval, after: Approval, now: Date) {
  if (after.status === 'approved' || after.status === 'denied') return [toEverybody(after, after.status)];
  const isNewStage = after.stage !== before.stage;
  const audience = audienceOf(after, now, eligibleNow(after));
  return [
    isNewStage
      ? ({ event: 'stage_started', asks: true, audience } as const)
      : ({ event: 'decided', asks: false, audience } as const),
  ];
}
