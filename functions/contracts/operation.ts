import { z } from 'zod';
import { operationType } from './approval-rule.ts';

/** One line, as approvers see it in lists and messages. */
export const operationSummary = z
  .string()
  .trim()
  .min(1)
  .max(300)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'expected one line');
export const operationDetails = z.record(z.string().min(1).max(128), z.json());

/**
 * An operation that is not a run: everything its approvers are asked to agree to, written once as exact UTF-8 bytes. Its digest stands for
 * it; who does the operation does exactly this.
 */
export const operation = z.strictObject({
  version: z.literal(1),
  approval_id: z.string(),
  requester_id: z.string(),
  operation_type: operationType,
  summary: operationSummary,
  details: operationDetails,
});
export type Operation = z.infer<typeof operation>;

/** Of its bytes. An approver's answer holds them up to three times, with some characters six times as long. */
export const OPERATION_MAX_BYTES = 128 * 1024;

/** Its digest can never be mistaken for that of a run's manifest. */
export const OPERATION_DIGEST_PREFIX = 'airlock.operation.v1\n';
