/** The approval request of an execution: everything an approver needs, from the manifest's own bytes. */
import type { Approval } from '../../contracts/approval.ts';
import type { Execution } from '../../contracts/execution.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { EMPTY_CHAIN } from '../audit/chain.ts';
import type { Configuration } from '../policy/configuration.ts';
import { review } from '../policy/review.ts';

export function openApproval(execution: Execution, manifest: Manifest, configuration: Configuration, now: Date): Approval {
  const rule = configuration.approvalRules.code_execution;
  const assessment = review(configuration, manifest);
  const at = now.toISOString();
  return {
    approval_id: approvalIdOf(execution.execution_id),
    execution_id: execution.execution_id,
    operation_type: 'code_execution',
    attempt: execution.attempt,
    requester: execution.requester,
    summary: summaryOf(execution, manifest),
    justification: execution.justification ?? null,
    reasons: execution.approval.reasons,
    digest: execution.digest,
    manifest_key: execution.manifest_key,
    risk: { level: assessment.level, factors: [...assessment.factors] },
    findings: [...assessment.findings],
    rule: {
      name: 'code_execution',
      required_approvers: rule.required_approvers,
      eligible_roles: [...rule.eligible_roles],
      requires_rationale: rule.requires_rationale,
    },
    decisions: [],
    created_at: at,
    updated_at: at,
    expires_at: new Date(now.getTime() + rule.timeout_minutes * 60_000).toISOString(),
    ...EMPTY_CHAIN,
    status: 'open',
  };
}

function summaryOf(execution: Execution, manifest: Manifest): string {
  const lines = manifest.code.split('\n').length;
  const files =
    manifest.files.length === 0 ? '' : ` and ${manifest.files.length} input file${manifest.files.length === 1 ? '' : 's'}`;
  return `Run ${lines} line${lines === 1 ? '' : 's'} of ${manifest.language}${files} for ${execution.requester.email}, at most ${manifest.timeout_seconds} s, without network`;
}
