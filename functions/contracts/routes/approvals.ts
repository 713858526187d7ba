import { z } from 'zod';
import {
  approvalStatus,
  approvalSummary,
  approvalView,
  commentRequest,
  decisionRequest,
  delegationRequest,
  operationRequest,
  standingApproval,
  withdrawalRequest,
} from '../approval.ts';
import { approvalMetrics } from '../approval-metrics.ts';
import { approvalRule, operationType } from '../approval-rule.ts';
import { requestedLimits, timestamp } from '../execution.ts';
import { approvalId, standingApprovalId } from '../ids.ts';
import { language } from '../manifest.ts';
import { riskLevel } from '../risk.ts';
import { defineRoute } from '../route.ts';
import { cursor, nextCursor, wholeNumber } from './paging.ts';

export const listApprovals = defineRoute({
  id: 'listApprovals',
  method: 'GET',
  path: '/api/v1/approvals',
  permission: 'read_state',
  summary:
    'Approval requests you may see, newest first; the open ones unless asked otherwise. `whose`: `mine` are those you asked for, `to_decide` those that wait for your decision. `escalated=true`: only those that people of a later level were asked to decide.',
  query: z.strictObject({
    status: approvalStatus.optional(),
    whose: z.enum(['all', 'mine', 'to_decide']).optional(),
    escalated: z.literal('true').optional(),
    limit: wholeNumber(1, 100).optional(),
    cursor: cursor.optional(),
  }),
  responses: { 200: z.object({ approvals: z.array(approvalSummary), next_cursor: nextCursor }) },
});

export const requestApproval = defineRoute({
  id: 'requestApproval',
  method: 'POST',
  path: '/api/v1/approvals',
  permission: 'execute_code',
  summary:
    'Ask people about an operation that is not a run, under the rule of its type. Airlock does not do it: you do, exactly as described, once `status` is `approved`. A repeat under an `Idempotency-Key` gives the first request.',
  body: operationRequest,
  bodyMaxBytes: 192 * 1024,
  responses: { 201: approvalView },
});

const approvalParams = z.strictObject({ approval_id: approvalId });

export const getApproval = defineRoute({
  id: 'getApproval',
  method: 'GET',
  path: '/api/v1/approvals/{approval_id}',
  permission: 'read_state',
  summary: 'Everything an approver must see before deciding, with the digest to send back. Whoever asked sees their own request.',
  params: approvalParams,
  responses: { 200: approvalView },
});

export const decideApproval = defineRoute({
  id: 'decideApproval',
  method: 'POST',
  path: '/api/v1/approvals/{approval_id}/decision',
  permission: 'approve',
  summary: 'Approve or deny exactly the code with this digest, or approve it under tighter limits.',
  params: approvalParams,
  body: decisionRequest,
  bodyMaxBytes: 64 * 1024,
  responses: { 200: approvalView },
});

export const delegateApproval = defineRoute({
  id: 'delegateApproval',
  method: 'POST',
  path: '/api/v1/approvals/{approval_id}/delegate',
  permission: 'approve',
  summary: 'Hand your place in this decision to another approver (by user id), until a time or for good.',
  params: approvalParams,
  body: delegationRequest,
  responses: { 200: approvalView },
});

export const commentOnApproval = defineRoute({
  id: 'commentOnApproval',
  method: 'POST',
  path: '/api/v1/approvals/{approval_id}/comments',
  permission: 'read_state',
  summary: 'Ask or answer about an open request; for whoever asked and whoever may decide.',
  params: approvalParams,
  body: commentRequest,
  responses: { 200: approvalView },
});

export const withdrawApproval = defineRoute({
  id: 'withdrawApproval',
  method: 'POST',
  path: '/api/v1/approvals/{approval_id}/withdraw',
  permission: 'execute_code',
  summary: 'Take back what you asked for. Nothing runs.',
  params: approvalParams,
  body: withdrawalRequest,
  responses: { 200: approvalView },
});

const ruleSettings = approvalRule.extend({ when: z.string().nullable(), auto_approve_conditions: z.array(z.string()) });

export const listApprovalRules = defineRoute({
  id: 'listApprovalRules',
  method: 'GET',
  path: '/api/v1/approvals/rules',
  permission: 'read_state',
  summary: 'The rules in force, by operation type, in the order in which they are looked at.',
  responses: { 200: z.object({ rules: z.record(operationType, z.array(ruleSettings)) }) },
});

export const getApprovalMetrics = defineRoute({
  id: 'getApprovalMetrics',
  method: 'GET',
  path: '/api/v1/approvals/metrics',
  permission: 'read_audit',
  summary:
    'How deciding goes: times, by approver and by rule, what expired, who disagreed, and what was approved faster than anybody reads. The last 30 days, unless asked otherwise.',
  query: z.strictObject({ from: timestamp.optional(), to: timestamp.optional() }),
  responses: { 200: approvalMetrics },
});

/**
 * What is left out is what a submission without it would get; whoever asks is the requester unless others are named. An operation that is
 * no run has neither language nor limits, and a run always has a language.
 */
const dryRunRequest = z.strictObject({
  operation_type: operationType.optional(),
  language: language.optional(),
  environment: z.string().min(1).max(64).optional(),
  security_profile: z.enum(['restricted', 'standard', 'trusted']).optional(),
  resource_limits: requestedLimits.optional(),
  timeout_seconds: z.number().positive().optional(),
  approval_required: z.boolean().optional(),
  risk: riskLevel.optional(),
  /** When it would be asked for; now, unless said. */
  time: timestamp.optional(),
  team: z.string().max(63).optional(),
  requester: z
    .strictObject({
      email: z.string().max(254).optional(),
      roles: z.array(z.string().max(32)).max(16).optional(),
      teams: z.array(z.string().max(63)).max(32).optional(),
      trusted_agent: z.boolean().optional(),
    })
    .optional(),
});
export type DryRunRequest = z.infer<typeof dryRunRequest>;

export const dryRunApprovalRules = defineRoute({
  id: 'dryRunApprovalRules',
  method: 'POST',
  path: '/api/v1/approvals/rules/dry-run',
  permission: 'read_state',
  summary: 'Which rule such a request would fall under, and why, without submitting anything.',
  body: dryRunRequest,
  responses: {
    200: z.object({
      approval_required: z.boolean(),
      approval_reasons: z.array(z.string()),
      rule: approvalRule,
      why: z.array(z.string()),
      /** Of a request opened now that nobody acts on: each level with when it joins, and when the request would expire. */
      timetable: z.object({
        levels: z.array(z.object({ level: z.string(), after_minutes: z.int() })),
        expires_after_minutes: z.int().nullable(),
      }),
    }),
  },
});

export const listStandingApprovals = defineRoute({
  id: 'listStandingApprovals',
  method: 'GET',
  path: '/api/v1/approvals/standing',
  permission: 'approve',
  summary: 'Standing approvals that were not revoked.',
  query: z.strictObject({ limit: wholeNumber(1, 100).optional(), cursor: cursor.optional() }),
  responses: { 200: z.object({ standing_approvals: z.array(standingApproval), next_cursor: nextCursor }) },
});

export const revokeStandingApproval = defineRoute({
  id: 'revokeStandingApproval',
  method: 'POST',
  path: '/api/v1/approvals/standing/{standing_approval_id}/revoke',
  permission: 'approve',
  summary: 'End a standing approval: nothing more runs under it.',
  params: z.strictObject({ standing_approval_id: standingApprovalId }),
  body: z.strictObject({ reason: z.string().max(500).optional() }),
  responses: { 200: standingApproval },
});
