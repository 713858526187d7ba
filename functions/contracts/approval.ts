import { z } from 'zod';
import { approvalRule, eligibility, operationType } from './approval-rule.ts';
import { executionStatus, label, requestedLimits, requester, timestamp } from './execution.ts';
import { approvalId, executionId, standingApprovalId } from './ids.ts';
import { manifest, manifestFile, type ResourceLimits, resourceLimits, sha256Hex } from './manifest.ts';
import { operation, operationDetails, operationSummary } from './operation.ts';
import { riskLevel } from './risk.ts';

export const finding = z.object({ rule: z.string(), level: riskLevel, message: z.string(), line: z.int().positive().nullable() });
export type Finding = z.infer<typeof finding>;

/** What an approval may be turned into beyond this one run: so many further runs, or until then, whichever ends first. */
export const standingGrant = z
  .strictObject({ runs: z.int().positive().optional(), until: timestamp.optional() })
  .refine((grant) => grant.runs !== undefined || grant.until !== undefined, 'expected runs or until');
export type StandingGrant = z.infer<typeof standingGrant>;

export const decision = z.object({
  approver: requester,
  /** Whose place the approver takes; null: their own. One decision uses up both. */
  on_behalf_of: requester.nullable(),
  decision: z.enum(['approve', 'deny']),
  digest: sha256Hex,
  stage: z.int().nonnegative(),
  rationale: z.string().nullable(),
  standing: standingGrant.nullable(),
  decided_at: timestamp,
});
export type Decision = z.infer<typeof decision>;

/** What would be done, under a digest of its own. The first is what was submitted; later ones, of a run, only have tighter limits. */
export const approvalVersion = z.object({
  version: z.int().positive(),
  digest: sha256Hex,
  manifest_key: z.string(),
  /** Of a run; another operation has none. */
  limits: resourceLimits.nullable(),
  timeout_seconds: z.number().positive().nullable(),
  made_by: requester,
  made_at: timestamp,
});
export type ApprovalVersion = z.infer<typeof approvalVersion>;
export type RunVersion = ApprovalVersion & { readonly limits: ResourceLimits; readonly timeout_seconds: number };

/** A place handed on: until a time, or for good (a reassignment). */
export const delegation = z.object({ from: requester, to: requester, until: timestamp.nullable(), at: timestamp });
export type Delegation = z.infer<typeof delegation>;

export const comment = z.object({ author: requester, text: z.string(), at: timestamp });

const common = {
  approval_id: approvalId,
  /** The run that waits for it; null: another operation, for which whoever asked waits. */
  execution_id: executionId.nullable(),
  operation_type: operationType,
  /** Execution attempt whose state machine waits; a later attempt registers its own token. */
  attempt: z.int().positive(),
  requester,
  team: z.string().nullable(),
  environment: z.string(),
  label: z.string().nullable(),
  /** Whoever answers for the agent that asks; as little an approver of it as the requester. */
  agent_owner: requester.nullable(),
  summary: z.string(),
  justification: z.string().nullable(),
  reasons: z.array(z.string()),
  /** Of the first version. */
  digest: sha256Hex,
  manifest_key: z.string(),
  versions: z.array(approvalVersion).min(1),
  /** The one version the later stages are about; null while the first stage may still choose. */
  settled_digest: sha256Hex.nullable(),
  risk: z.object({ level: riskLevel, factors: z.array(z.string()) }),
  findings: z.array(finding),
  rule: approvalRule,
  /** Why this rule applies. */
  rule_reasons: z.array(z.string()),
  /** Index of the stage that decides now. */
  stage: z.int().nonnegative(),
  stage_started_at: timestamp,
  /** How many levels of the escalation chain have joined this stage, and how many reminders it has had. */
  level: z.int().nonnegative(),
  reminders: z.int().nonnegative(),
  decisions: z.array(decision),
  delegations: z.array(delegation),
  comments: z.array(comment),
  created_at: timestamp,
  updated_at: timestamp,
  /** If nothing happens until then; null: never. */
  expires_at: timestamp.nullable(),
  task_token: z.string().optional(),
  audit_length: z.int().nonnegative(),
  audit_head: z.string(),
};

/** An approval request. Only the functions of core/approval change one. */
export const approval = z.discriminatedUnion('status', [
  z.object({ ...common, status: z.literal('open') }),
  z.object({
    ...common,
    status: z.literal('approved'),
    closed_at: timestamp,
    /** The version that reached its quorum, and alone may run. */
    approved_digest: sha256Hex,
    /** The standing approval it rests on; null: the decisions themselves. */
    standing_approval_id: standingApprovalId.nullable(),
  }),
  z.object({ ...common, status: z.enum(['denied', 'expired', 'withdrawn']), closed_at: timestamp }),
]);
export type Approval = z.infer<typeof approval>;
export type OpenApproval = Extract<Approval, { status: 'open' }>;
export const approvalStatus = z.enum(['open', 'approved', 'denied', 'expired', 'withdrawn']);
export type ApprovalStatus = z.infer<typeof approvalStatus>;

export const approvalSummary = z.object({
  approval_id: approvalId,
  /** The run that waits for it; null: another operation, for which whoever asked waits. */
  execution_id: executionId.nullable(),
  operation_type: operationType,
  status: approvalStatus,
  summary: z.string(),
  requester,
  team: z.string().nullable(),
  label: z.string().nullable(),
  risk_level: riskLevel,
  /** Agreeing to it takes a session that was opened with a second factor. */
  second_factor_required: z.boolean(),
  digest: sha256Hex,
  created_at: timestamp,
  expires_at: timestamp.nullable(),
  /** Who may decide now; null once it is closed. */
  eligible_approvers: eligibility
    .extend({
      stage: z.string(),
      required_approvers: z.int().positive(),
      /** Distinct people who agreed in this stage, on the version most of them agreed on. */
      approvals: z.int().nonnegative(),
      /** People who hold somebody's place. */
      delegates: z.array(requester),
    })
    .nullable(),
  /** The level of the escalation chain that joined its stage last; null: none did. */
  escalated_to: z.string().nullable(),
  /** Who joins next, and when; null: nobody will. */
  next_escalation: z.object({ level: z.string(), at: timestamp }).nullable(),
});
export type ApprovalSummary = z.infer<typeof approvalSummary>;

/** What an approver should know besides the request itself. */
const approvalContext = z.object({
  operation_summary: z.string(),
  /** About whoever asks, as they are now; null when nothing is known of them. */
  agent_context: z
    .object({ roles: z.array(z.string()), teams: z.array(z.string()), trusted_agent: z.boolean(), disabled: z.boolean() })
    .nullable(),
  /** Earlier runs, or operations of this type, of the same requester, label and team, and how they ended, newest first. */
  similar_operations: z.array(
    z.object({
      execution_id: executionId.nullable(),
      approval_id: approvalId.nullable(),
      digest: sha256Hex,
      status: z.union([executionStatus, approvalStatus]),
      error: z.string().nullable(),
      created_at: timestamp,
    }),
  ),
  /** The newest that was approved, further back too, and the fields of its manifest or operation that are another now, as they were then. */
  last_approved: z
    .object({
      approval_id: approvalId,
      execution_id: executionId.nullable(),
      digest: sha256Hex,
      approved_at: timestamp,
      /** `omitted`: what it was would make this answer too long, and stands in the manifest of that request; `before` is null. */
      differences: z.array(z.object({ field: z.string(), before: z.json(), omitted: z.boolean() })),
    })
    .nullable(),
  /** null: not a run. */
  execution_preview: z
    .object({
      language: z.string(),
      environment: z.string(),
      packages: z.array(z.string()),
      security_profile: z.string(),
      network: z.string(),
      limits: resourceLimits,
      timeout_seconds: z.number(),
      lines: z.int(),
      code_bytes: z.int(),
      input_bytes: z.int(),
      files: z.array(manifestFile),
      image_id: z.string(),
    })
    .nullable(),
  /** Characters of the code, or of an operation's details as they are shown, that can make it look other than it runs: the first places, and how many there are. */
  hidden_characters: z.array(
    z.object({
      line: z.int().positive(),
      column: z.int().positive(),
      character: z.string(),
      kind: z.enum(['control', 'bidirectional', 'invisible', 'look_alike']),
    }),
  ),
  hidden_characters_total: z.int().nonnegative(),
  /** That text with each of them written as `⟦U+202E⟧`; null when there is none, or when it is omitted. */
  visible_code: z.string().nullable(),
  /** It would make this answer too long: the page shows it, and the places are above. */
  visible_code_omitted: z.boolean(),
});
export type ApprovalContext = z.infer<typeof approvalContext>;

/**
 * What an approver reads before deciding: all of it, nothing shortened. Parsed from exactly the bytes `digest` covers: the `manifest` of a
 * run, or the `operation` that somebody will do.
 */
export const approvalView = approvalSummary.extend({
  agent_owner: requester.nullable(),
  justification: z.string().nullable(),
  reasons: z.array(z.string()),
  risk_factors: z.array(z.string()),
  findings: z.array(finding),
  rule: approvalRule,
  rule_reasons: z.array(z.string()),
  /** Each can be decided on by its digest; they differ in their limits alone. */
  versions: z.array(approvalVersion.omit({ manifest_key: true })),
  settled_digest: sha256Hex.nullable(),
  approved_digest: sha256Hex.nullable(),
  standing_approval_id: standingApprovalId.nullable(),
  decisions: z.array(decision),
  delegations: z.array(delegation),
  comments: z.array(comment),
  context: approvalContext,
  manifest: manifest.nullable(),
  operation: operation.nullable(),
});
export type ApprovalView = z.infer<typeof approvalView>;

const rationale = z.string().max(4000);

export const decisionRequest = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  digest: sha256Hex,
  rationale: rationale.optional(),
  /** With an approval: agree only to these tighter limits. They make a version of their own, of which this is the first approval. */
  conditions: z
    .strictObject({ resource_limits: requestedLimits.optional(), timeout_seconds: z.number().positive().optional() })
    .optional(),
  /** With an approval, where the rule allows it: the same code may run again. */
  standing: standingGrant.optional(),
});
export type DecisionRequest = z.infer<typeof decisionRequest>;

/** Asking for anything but a run: what it is, in words and as data. Airlock does not do it; whoever asked does, once it is approved. */
export const operationRequest = z.strictObject({
  operation_type: operationType,
  summary: operationSummary,
  details: operationDetails.optional(),
  justification: z.string().max(2000).optional(),
  label: label.optional(),
  team: z.string().min(1).max(63).optional(),
});
export type OperationRequest = z.infer<typeof operationRequest>;

export const delegationRequest = z.strictObject({
  to: z.string().min(1).max(254),
  /** Left out: for good. */
  until: timestamp.optional(),
  reason: z.string().max(1000).optional(),
});

export const COMMENT_MAX_LENGTH = 1000;
export const commentRequest = z.strictObject({ text: z.string().trim().min(1).max(COMMENT_MAX_LENGTH) });
export const withdrawalRequest = z.strictObject({ reason: z.string().max(500).optional() });

/** Permission given in advance to run the same thing again for the same person and teams. */
export const standingApproval = z.object({
  standing_approval_id: standingApprovalId,
  status: z.enum(['standing', 'revoked']),
  /** Of everything in the manifest but the execution's own id. */
  content_digest: sha256Hex,
  owner: requester,
  team: z.string().nullable(),
  summary: z.string(),
  /** The request whose approvers agreed to it. */
  granted_by: approvalId,
  granted_at: timestamp,
  runs_left: z.int().nonnegative(),
  until: timestamp,
  revoked: z.object({ by: requester, at: timestamp }).nullable(),
  audit_length: z.int().nonnegative(),
  audit_head: z.string(),
});
export type StandingApproval = z.infer<typeof standingApproval>;
