import type { z } from 'zod';
import type { Approval, ApprovalView, approvalSummary } from '../../contracts/approval.ts';
import type { Manifest } from '../../contracts/manifest.ts';

export function approvalSummaryOf(row: Approval): z.infer<typeof approvalSummary> {
  return {
    approval_id: row.approval_id,
    execution_id: row.execution_id,
    operation_type: row.operation_type,
    status: row.status,
    summary: row.summary,
    requester: row.requester,
    risk_level: row.risk.level,
    digest: row.digest,
    created_at: row.created_at,
    expires_at: row.expires_at,
  };
}

export function approvalViewOf(row: Approval, manifest: Manifest): ApprovalView {
  return {
    ...approvalSummaryOf(row),
    justification: row.justification,
    reasons: row.reasons,
    risk_factors: row.risk.factors,
    findings: row.findings,
    rule: row.rule,
    decisions: row.decisions,
    manifest,
  };
}
