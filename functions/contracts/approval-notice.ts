import { z } from 'zod';
import { eligibility } from './approval-rule.ts';
import { requester, timestamp } from './execution.ts';
import { approvalId, approvalNoticeId } from './ids.ts';

const approvalEvent = z.enum([
  'opened',
  'reminded',
  'escalated',
  'stage_started',
  'delegated',
  'decided',
  'commented',
  'approved',
  'denied',
  'expired',
  'withdrawn',
]);

/**
 * That something about a request is to be said to somebody: written in the same transaction as what happened, and so exactly once.
 * Who stands behind roles and groups is looked up when it is said.
 */
export const approvalNotice = z.object({
  notice_id: approvalNoticeId,
  request_id: approvalId,
  event: approvalEvent,
  /** True: they are asked to decide. False: they are told. */
  asks: z.boolean(),
  audience: z.object({ eligible: eligibility, people: z.array(requester), except: z.array(requester) }),
  stage: z.int().nonnegative(),
  level: z.int().nonnegative(),
  at: timestamp,
  /** DynamoDB forgets it then. */
  expires_at_seconds: z.int().positive(),
});
export type ApprovalNotice = z.infer<typeof approvalNotice>;
