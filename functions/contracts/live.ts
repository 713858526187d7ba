/** What goes over the WebSocket. Clients keep the highest `last_seq` they saw of a topic and subscribe after it when they come back. */
import { z } from 'zod';
import { approvalSummary } from './approval.ts';
import { executionErrorCode } from './errors.ts';
import { executionPhase, executionStatus } from './execution.ts';
import { approvalId, executionId } from './ids.ts';
import { runEvent } from './sandbox-protocol.ts';

export const LIVE_TICKET_SECONDS = 30;
/** API Gateway closes a connection for a larger frame; what a frame carries stays below it. */
export const LIVE_FRAME_MAX_BYTES = 32 * 1024;

/** What happens to approval requests, for each follower those they may see. It has no past: list them once it is subscribed to. */
export const APPROVALS_TOPIC = 'approvals';
export const topic = z
  .string()
  .regex(/^(approvals|execution:exec_[0-9a-f-]{36})$/, 'expected approvals, or execution:<execution_id>');
export const topicOf = (execution: string): string => `execution:${execution}`;

export const clientMessage = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('subscribe'), topic, after: z.int().nonnegative().default(0) }),
  z.strictObject({ action: z.literal('unsubscribe'), topic }),
  z.strictObject({ action: z.literal('ping') }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

export const serverFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('subscribed'), topic: z.string(), after: z.int() }),
  z.object({ type: z.literal('unsubscribed'), topic: z.string() }),
  z.object({ type: z.literal('pong') }),
  z.object({ type: z.literal('error'), code: z.string(), detail: z.string() }),
  /**
   * Events in order, none twice. `last_seq` counts samples that were left out to keep usage at four a second. An event longer than a
   * frame comes in pieces of the same seq, `partial` on all but the last.
   */
  z.object({
    type: z.literal('events'),
    topic: z.string(),
    events: z.array(z.looseObject({ seq: z.int(), type: z.string() })),
    last_seq: z.int(),
  }),
  z.object({
    type: z.literal('status'),
    topic: z.string(),
    status: executionStatus,
    phase: executionPhase,
    error: executionErrorCode.nullable(),
    last_seq: z.int(),
  }),
  /**
   * How a request stands since its latest change. `change` counts the changes of the request: a frame with no higher one than its
   * client has seen is older news. `waits_for_you`: you could decide it now.
   */
  z.object({
    type: z.literal('approval'),
    topic: z.literal(APPROVALS_TOPIC),
    change: z.int(),
    waits_for_you: z.boolean(),
    approval: approvalSummary.omit({ eligible_approvers: true }),
  }),
]);
export type ServerFrame = z.infer<typeof serverFrame>;

/** What the push function is asked to do. */
export const pushRequest = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('events'),
    execution_id: executionId,
    events: z.array(runEvent).min(1),
    connection_id: z.string().optional(),
  }),
  z.object({ kind: z.literal('status'), execution_id: executionId, connection_id: z.string().optional() }),
]);

export const approvalPush = z.object({ approval_id: approvalId });

export const catchUpRequest = z.object({ execution_id: executionId, connection_id: z.string() });
