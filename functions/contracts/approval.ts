import { z } from 'zod';
import { requester, timestamp } from './execution.ts';
import { approvalId, executionId } from './ids.ts';
import { manifest, sha256Hex } from './manifest.ts';

export const riskLevel = z.enum(['low', 'medium', 'high', 'critical']);
export type RiskLevel = z.infer<typeof riskLevel>;

export const finding = z.object({ rule: z.string(), level: riskLevel, message: z.string(), line: z.int().positive().nullable() });
export type Finding = z.infer<typeof finding>;

export const decision = z.object({
  approver: requester,
  decision: z.enum(['approve', 'deny']),
  digest: sha256Hex,
  rationale: z.string().nullable(),
  decided_at: timestamp,
});
export type Decision = z.infer<typeof decision>;

const common = {
  approval_id: approvalId,
  execution_id: executionId,
  operation_type: z.literal('code_execution'),
  /** Execution attempt whose state machine waits; a later attempt registers its own token. */
  attempt: z.int().positive(),
  requester,
  summary: z.string(),
  justification: z.string().nullable(),
  reasons: z.array(z.string()),
  digest: sha256Hex,
  manifest_key: z.string(),
  risk: z.object({ level: riskLevel, factors: z.array(z.string()) }),
  findings: z.array(finding),
  rule: z.object({
    name: z.string(),
    required_approvers: z.int().positive(),
    eligible_roles: z.array(z.string()),
    requires_rationale: z.boolean(),
  }),
  decisions: z.array(decision),
  created_at: timestamp,
  updated_at: timestamp,
  expires_at: timestamp,
  task_token: z.string().optional(),
  audit_length: z.int().nonnegative(),
  audit_head: z.string(),
};

/** An approval request. Only `decide`, `expire` and `withdraw` in core may close one. */
export const approval = z.discriminatedUnion('status', [
  z.object({ ...common, status: z.literal('open') }),
  z.object({ ...common, status: z.enum(['approved', 'denied', 'expired', 'withdrawn']), closed_at: timestamp }),
]);
export type Approval = z.infer<typeof approval>;
export const approvalStatus = z.enum(['open', 'approved', 'denied', 'expired', 'withdrawn']);
export type ApprovalStatus = z.infer<typeof approvalStatus>;

export const approvalSummary = z.object({
  approval_id: approvalId,
  execution_id: executionId,
  operation_type: z.literal('code_execution'),
  status: approvalStatus,
  summary: z.string(),
  requester,
  risk_level: riskLevel,
  digest: sha256Hex,
  created_at: timestamp,
  expires_at: timestamp,
});

/** What an approver reads before deciding: all of it, nothing shortened. `manifest` is parsed from exactly the bytes `digest` covers. */
export const approvalView = approvalSummary.extend({
  justification: z.string().nullable(),
  reasons: z.array(z.string()),
  risk_factors: z.array(z.string()),
  findings: z.array(finding),
  rule: common.rule,
  decisions: z.array(decision),
  manifest,
});
export type ApprovalView = z.infer<typeof approvalView>;

export const decisionRequest = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  digest: sha256Hex,
  rationale: z.string().max(4000).optional(),
});
export type DecisionRequest = z.infer<typeof decisionRequest>;
