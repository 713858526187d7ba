/** Inputs and outputs of the functions the state machine calls. Ids and outcomes only: what is logged there may be read by operators. */
import { z } from 'zod';
import { executionErrorCode } from './errors.ts';
import { timestamp } from './execution.ts';
import { approvalId, executionId, sandboxId } from './ids.ts';

const of = { execution_id: executionId, attempt: z.int().positive() };

export const executionInput = z.object(of);

export const awaitApprovalInput = z.object({ ...of, task_token: z.string() });
export const joinLineInput = z.object({ ...of, task_token: z.string() });

/** `lost_attempt`: another attempt serves the execution now; end quietly. `cancelled`: the row asks for the end. */
export const claimOutput = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('claimed'), sandbox_id: sandboxId }),
  z.object({ outcome: z.literal('none_idle') }),
  z.object({ outcome: z.literal('cancelled') }),
  z.object({ outcome: z.literal('environment_changed') }),
  z.object({ outcome: z.literal('lost_attempt') }),
]);
export type ClaimOutput = z.infer<typeof claimOutput>;

export const ticketInput = z.object({ ...of, sandbox_id: sandboxId });
export const ticketOutput = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('signed') }),
  z.object({ outcome: z.literal('refused'), reason: z.string() }),
]);
export type TicketOutput = z.infer<typeof ticketOutput>;

export const dispatchInput = z.object({ ...of, sandbox_id: sandboxId });
export const dispatchOutput = z.discriminatedUnion('outcome', [
  /** The `exit` event is in the log; "Record the result" reads it there. */
  z.object({ outcome: z.literal('exited') }),
  /** The time budget of this dispatcher is used up; the next one reattaches. */
  z.object({ outcome: z.literal('hand_over') }),
  /** Nothing was bound or pushed: the sandbox does not answer, or no longer waits for a job. Another may be claimed. */
  z.object({ outcome: z.literal('no_sandbox') }),
  z.object({ outcome: z.literal('failed'), code: executionErrorCode, message: z.string() }),
  z.object({ outcome: z.literal('lost_attempt') }),
]);
export type DispatchOutput = z.infer<typeof dispatchOutput>;

/** What "Record …" is told; it reads the rest from the tables. */
export const recordInput = z.discriminatedUnion('kind', [
  z.object({ ...of, kind: z.literal('result') }),
  z.object({ ...of, kind: z.literal('refusal') }),
  z.object({ ...of, kind: z.literal('failure'), code: executionErrorCode, message: z.string().max(1000) }),
]);
export type RecordInput = z.infer<typeof recordInput>;
export const recordOutput = z.object({ outcome: z.enum(['recorded', 'already_recorded', 'lost_attempt']) });
export type RecordOutput = z.infer<typeof recordOutput>;

/** One stage of a request: its clocks begin anew with the next. */
export const advanceApprovalInput = z.object({ approval_id: approvalId, stage: z.int().nonnegative() });
export const advanceApprovalOutput = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('waiting'), next_at: timestamp }),
  z.object({ outcome: z.enum(['no_clock', 'closed', 'other_stage']) }),
]);
export type AdvanceApprovalOutput = z.infer<typeof advanceApprovalOutput>;

export const cancelRunInput = z.object({ execution_id: executionId, reason: z.string() });
export const probeSandboxInput = z.object({ sandbox_id: sandboxId, task_arn: z.string(), address: z.ipv4() });
export const probeSandboxOutput = z.object({ outcome: z.enum(['idle', 'not_ready', 'gone']) });

const bucket = z.object({
  key: z.string().min(1).max(512),
  limit: z.int().positive(),
  window_seconds: z.int().positive(),
  burst: z.int().positive(),
  weight: z.int().positive(),
});
export const checkLimitsInput = z.object({
  operation: z.enum(['take', 'read', 'reset']),
  buckets: z.array(bucket).min(1).max(200),
});
export type CheckLimitsInput = z.infer<typeof checkLimitsInput>;
/** How the buckets stand afterwards; without numbers after a reset. */
export const checkLimitsOutput = z.object({
  allowed: z.boolean(),
  now_micros: z.int(),
  empty_at: z.array(z.int().nullable()),
});
export type CheckLimitsOutput = z.infer<typeof checkLimitsOutput>;
