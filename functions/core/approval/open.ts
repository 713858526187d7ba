/** The approval request of an execution: everything an approver needs, from the manifest's own bytes. */
import type { OpenApproval } from '../../contracts/approval.ts';
import type { Execution } from '../../contracts/execution.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { EMPTY_CHAIN } from '../audit/chain.ts';
import type { Configuration } from '../policy/configuration.ts';
import { review } from '../policy/review.ts';
import { expiryOf } from './clocks.ts';
import { factsOfRun, ruleFor } from './rule.ts';

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
  });
  const { rule, why } = ruleFor(configuration, 'code_execution', facts);
  const at = now.toISOString();
  return {
    approval_id: approvalIdOf(execution.execution_id),
    execution_id: execution.execution_id,
    operation_type: 'code_execution',
    attempt: execution.attempt,
    requester: execution.requester,
    team: execution.team ?? null,
    environment: execution.environment,
    label: execution.label ?? null,
    agent_owner: owner && { user_id: owner.user_id, email: owner.email },
    summary: summaryOf(execution, manifest),
    justification: execution.justification ?? null,
    reasons: execution.approval.reasons,
    digest: execution.digest,
    manifest_key: execution.manifest_key,
    versions: [
      {
        version: 1,
        digest: execution.digest,
        manifest_key: execution.manifest_key,
        limits: manifest.limits,
        timeout_seconds: manifest.timeout_seconds,
        made_by: execution.requester,
        made_at: execution.created_at,
      },
    ],
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

function summaryOf(execution: Execution, manifest: Manifest): string {
  const lines = manifest.code.split('\n').length;
  const files =
    manifest.files.length === 0 ? '' : ` and ${manifest.files.length} input file${manifest.files.length === 1 ? '' : 's'}`;
  return `Run ${lines} line${lines === 1 ? '' : 's'} of ${manifest.language}${files} for ${execution.requester.email}, at most ${manifest.timeout_seconds} s, without network`;
}
