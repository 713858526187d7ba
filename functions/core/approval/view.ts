import type { Approval, ApprovalContext, ApprovalSummary, ApprovalView } from '../../contracts/approval.ts';
import type { Asked } from './asked.ts';
import { nextEscalation } from './clocks.ts';
import { mostAgreed } from './decide.ts';
import { delegatesNow, eligibleNow } from './eligibility.ts';
import { wantsSecondFactor } from './second-factor.ts';

export function approvalSummaryOf(row: Approval, now: Date): ApprovalSummary {
  return {
    approval_id: row.approval_id,
    execution_id: row.execution_id,
    operation_type: row.operation_type,
    status: row.status,
    summary: row.summary,
    requester: row.requester,
    team: row.team,
    label: row.label,
    risk_level: row.risk.level,
    second_factor_required: wantsSecondFactor(row),
    digest: row.digest,
    created_at: row.created_at,
    expires_at: row.expires_at,
    eligible_approvers: eligibleApproversOf(row, now),
    escalated_to: row.rule.escalation_chain[row.level - 1]?.name ?? null,
    next_escalation: nextEscalation(row),
  };
}

function eligibleApproversOf(row: Approval, now: Date): ApprovalSummary['eligible_approvers'] {
  const stage = row.rule.stages[row.stage];
  if (row.status !== 'open' || !stage) return null;
  return {
    ...eligibleNow(row),
    stage: stage.name,
    required_approvers: stage.required_approvers,
    approvals: mostAgreed(row),
    delegates: delegatesNow(row, now).map((delegation) => delegation.to),
  };
}

export function approvalViewOf(row: Approval, { manifest, operation }: Asked, context: ApprovalContext, now: Date): ApprovalView {
  return {
    ...approvalSummaryOf(row, now),
    agent_owner: row.agent_owner,
    justification: row.justification,
    reasons: row.reasons,
    risk_factors: row.risk.factors,
    findings: row.findings,
    rule: row.rule,
    rule_reasons: row.rule_reasons,
    versions: row.versions,
    settled_digest: row.settled_digest,
    approved_digest: row.status === 'approved' ? row.approved_digest : null,
    standing_approval_id: row.status === 'approved' ? row.standing_approval_id : null,
    decisions: row.decisions,
    delegations: row.delegations,
    comments: row.comments,
    context,
    manifest,
    operation,
  };
}
