/** How a request begins, of whatever operation. */
import type { Approval, OpenApproval } from '../../contracts/approval.ts';
import type { Execution } from '../../contracts/execution.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import type { Manifest, ResourceLimits } from '../../contracts/manifest.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { Configuration } from '../policy/configuration.ts';
import { type Review, review } from '../policy/review.ts';
import { expiryOf } from './clocks.ts';
import { eligibleNow } from './eligibility.ts';
import { audienceOf, noticesOf } from './notices.ts';
import type { ApprovalStore, StandingChange } from './ports.ts';
import { type ChosenRule, factsOfRun, ruleFor } from './rule.ts';

/** What is asked for, by whom, and where its exact bytes lie. */
type Subject = Pick<
  Approval,
  | 'approval_id'
  | 'execution_id'
  | 'operation_type'
  | 'attempt'
  | 'requester'
  | 'team'
  | 'environment'
  | 'label'
  | 'summary'
  | 'justification'
  | 'reasons'
  | 'digest'
  | 'manifest_key'
> & { readonly limits: ResourceLimits | null; readonly timeout_seconds: number | null; readonly asked_at: string };

/** An open request, decided by nobody; `owner` answers for the agent that asks. */
export function opened(
  { limits, timeout_seconds, asked_at, ...subject }: Subject,
  assessment: Review,
  { rule, why }: Pick<ChosenRule, 'rule' | 'why'>,
  owner: IdentityRecord | null,
  now: Date,
): OpenApproval {
  const at = now.toISOString();
  const { digest, manifest_key, requester } = subject;
  const first = { version: 1, digest, manifest_key, limits, timeout_seconds, made_by: requester, made_at: asked_at };
  return {
    ...subject,
    agent_owner: owner && { user_id: owner.user_id, email: owner.email },
    versions: [first],
    settled_digest: null,
    risk: { level: assessment.level, factors: [...assessment.factors] },
    findings: [...assessment.findings],
    rule,
    rule_reasons: [...why],
    stage: 0,
    stage_started_at: at,
    level: 0,
    reminders: 0,
    decisions: [],
    delegations: [],
    comments: [],
    created_at: at,
    updated_at: at,
    expires_at: expiryOf(rule, at),
    ...EMPTY_CHAIN,
    status: 'open',
  };
}

/** The request of an execution: everything an approver needs, from the manifest's own bytes. */
export function openApproval(
  execution: Execution,
  manifest: Manifest,
  requester: IdentityRecord | null,
  owner: IdentityRecord | null,
  configuration: Configuration,
  now: Date,
): OpenApproval {
  const assessment = review(configuration, manifest);
  const facts = factsOfRun(configuration, manifest, assessment.level, {
    requester: {
      email: requester?.email ?? execution.requester.email,
      roles: requester?.roles ?? [],
      teams: requester?.teams ?? [],
      trusted_agent: requester?.trusted_agent ?? false,
    },
    team: execution.team ?? '',
    time: new Date(execution.created_at),
  });
  const subject = {
    approval_id: approvalIdOf(execution.execution_id),
    execution_id: execution.execution_id,
    operation_type: 'code_execution',
    attempt: execution.attempt,
    requester: execution.requester,
    team: execution.team ?? null,
    environment: execution.environment,
    label: execution.label ?? null,
    summary: summaryOf(execution, manifest),
    justification: execution.justification ?? null,
    reasons: execution.approval.reasons,
    digest: execution.digest,
    manifest_key: execution.manifest_key,
    limits: manifest.limits,
    timeout_seconds: manifest.timeout_seconds,
    asked_at: execution.created_at,
  };
  return opened(subject, assessment, ruleFor(configuration, 'code_execution', facts), owner, now);
}

function summaryOf(execution: Execution, manifest: Manifest): string {
  const lines = manifest.code.split('\n').length;
  const files =
    manifest.files.length === 0 ? '' : ` and ${manifest.files.length} input file${manifest.files.length === 1 ? '' : 's'}`;
  return `Run ${lines} line${lines === 1 ? '' : 's'} of ${manifest.language}${files} for ${execution.requester.email}, at most ${manifest.timeout_seconds} s, without network`;
}

/** Writes the beginning of a request, its record and whom to ask; `standing` is what makes it approved at once. */
export async function writeOpened(
  approvals: Pick<ApprovalStore, 'create'>,
  request: Approval,
  standing: StandingChange | null,
  now: Date,
): ReturnType<ApprovalStore['create']> {
  const { record } = appendToChain(request.approval_id, EMPTY_CHAIN, {
    action: request.status === 'open' ? 'opened' : 'approved_by_standing_approval',
    actor: request.requester.user_id,
    at: request.created_at,
    details: {
      ...(request.execution_id === null ? { operation_type: request.operation_type } : { execution_id: request.execution_id }),
      digest: request.digest,
      risk: request.risk.level,
      rule: request.rule.name,
      ...(standing ? { standing_approval_id: standing.after.standing_approval_id } : {}),
    },
  });
  const asked = { event: 'opened', asks: true, audience: audienceOf(request, now, eligibleNow(request)) } as const;
  const notices = request.status === 'open' ? noticesOf(request, record.sequence, [asked], request.created_at) : [];
  return await approvals.create(request, record, notices, standing ?? undefined);
}
