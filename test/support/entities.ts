import { v7 } from 'uuid';
import type { OpenApproval } from '../../functions/contracts/approval.ts';
import type { ApprovalRule, Eligibility } from '../../functions/contracts/approval-rule.ts';
import type { ExecutionIn } from '../../functions/contracts/execution.ts';
import type { IdentityRecord } from '../../functions/contracts/identity.ts';
import { approvalIdOf } from '../../functions/contracts/ids.ts';
import type { Manifest } from '../../functions/contracts/manifest.ts';
import { expiryOf } from '../../functions/core/approval/clocks.ts';
import { EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { type Actor, permissionsOf } from '../../functions/core/identity/actor.ts';
import { configuration } from './configuration.ts';

export const NOW = new Date('2026-11-23T10:00:00.000Z');
export const IMAGE_ID = 'f'.repeat(64);
export const newExecutionId = (): string => `exec_${v7()}`;
export const newSandboxId = (): string => `sbx_${v7()}`;

export const actorOf = (roles: Actor['roles'], userId = 'user-1', more: Partial<Actor> = {}): Actor => ({
  user_id: userId,
  email: `${userId}@airlock.test`,
  roles,
  teams: [],
  trusted_agent: false,
  owner_id: null,
  permissions: permissionsOf(roles, configuration.security.authorization.roles),
  credential: { kind: 'token', token_id: 'token-1', session_id: 'session-1', issued_at: NOW.toISOString(), second_factor: false },
  ...more,
});

export const identityOf = (userId: string, more: Partial<IdentityRecord> = {}): IdentityRecord => ({
  user_id: userId,
  email: `${userId}@airlock.test`,
  pool_username: null,
  roles: [],
  roles_held_until: null,
  teams: [],
  trusted_agent: false,
  owner_id: null,
  disabled: false,
  valid_after: null,
  ...EMPTY_CHAIN,
  ...more,
});

const limits = { memory_bytes: 512 * 2 ** 20, cpu: 0.5, disk_bytes: 100 * 2 ** 20, processes: 64, open_files: 256 };

export function manifestOf(executionId: string, more: Partial<Manifest> = {}): Manifest {
  return {
    version: 1,
    execution_id: executionId,
    requester_id: 'user-1',
    approval_requested: false,
    language: 'python',
    code: 'print(1)',
    entrypoint: 'main.py',
    args: [],
    stdin: null,
    env: {},
    files: [],
    environment: 'python',
    limits,
    timeout_seconds: 60,
    network: 'none',
    profile: { name: 'restricted', content: {} },
    context: {},
    image_id: IMAGE_ID,
    ...more,
  };
}

const commonOf = (executionId: string, userId: string) => ({
  execution_id: executionId,
  attempt: 1,
  requester: { user_id: userId, email: `${userId}@airlock.test` },
  language: 'python' as const,
  environment: 'python',
  security_profile: 'restricted',
  audit_level: 'full' as const,
  digest: 'a'.repeat(64),
  image_id: IMAGE_ID,
  manifest_key: `manifests/${executionId}.json`,
  limits,
  timeout_seconds: 60,
  created_at: NOW.toISOString(),
  updated_at: NOW.toISOString(),
  ...EMPTY_CHAIN,
});

export const queuedExecution = (executionId = newExecutionId(), userId = 'user-1'): ExecutionIn<'queued'> => ({
  ...commonOf(executionId, userId),
  approval: { required: false, reasons: [] },
  phase: 'queued',
  status: 'pending',
  queued_at: NOW.toISOString(),
});

/** Who may decide, in the form of a rule. */
export const who = (more: Partial<Eligibility>): Eligibility => ({ roles: [], groups: [], people: [], ...more });

/** One stage for one approver or admin, within half an hour. */
export const ruleOf = (more: Partial<ApprovalRule> = {}): ApprovalRule => ({
  name: 'code_execution',
  stages: [{ name: 'approval', required_approvers: 1, eligible: who({ roles: ['approver', 'admin'] }) }],
  escalation_chain: [],
  timeout_minutes: 30,
  remind_minutes: null,
  on_expiry: 'deny',
  denial: 'ends',
  requires_justification: false,
  requires_rationale: false,
  second_factor_from: null,
  excluded: who({}),
  standing_approvals: null,
  ...more,
});

export function openApprovalOf(executionId = newExecutionId(), more: Partial<ApprovalRule> = {}): OpenApproval {
  const requester = { user_id: 'user-1', email: 'user-1@airlock.test' };
  const version = { digest: 'a'.repeat(64), manifest_key: `manifests/${executionId}.json` };
  const at = NOW.toISOString();
  const rule = ruleOf(more);
  return {
    approval_id: approvalIdOf(executionId),
    execution_id: executionId,
    operation_type: 'code_execution',
    attempt: 1,
    requester,
    team: null,
    environment: 'python',
    label: null,
    agent_owner: null,
    summary: 'Run 1 line of python',
    justification: null,
    reasons: [],
    ...version,
    versions: [{ version: 1, ...version, limits, timeout_seconds: 60, made_by: requester, made_at: at }],
    settled_digest: null,
    risk: { level: 'low', factors: [] },
    findings: [],
    rule,
    rule_reasons: [],
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
