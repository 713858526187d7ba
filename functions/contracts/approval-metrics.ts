import { z } from 'zod';
import { requester, timestamp } from './execution.ts';

/** Of so many; null of none. */
const durations = z.object({ count: z.int(), p50_ms: z.number().nullable(), p95_ms: z.number().nullable() });
export type Durations = z.infer<typeof durations>;

/** From 0 to 1; null of none. */
const share = z.number().min(0).max(1).nullable();

/** How deciding goes: of requests that were opened and have ended within the time asked for. */
export const approvalMetrics = z.object({
  from: timestamp,
  to: timestamp,
  /** False: there were more than are looked at; these are the newest. */
  complete: z.boolean(),
  closed: z.object({ approved: z.int(), denied: z.int(), expired: z.int(), withdrawn: z.int() }),
  /** From opening until approved or denied, by people; standing approvals are none. */
  time_to_decide: durations,
  /** Of all that ended: nobody decided in time. */
  expired_share: share,
  /** Of those decided by more than one person: not all were of one mind. */
  disagreement_share: share,
  /** Of all approvals by people: given within three seconds of the moment they became possible. Nobody reads that fast. */
  approved_within_3_s_share: share,
  by_approver: z.array(
    z.object({
      approver: requester,
      approved: z.int(),
      denied: z.int(),
      approved_within_3_s: z.int(),
      /** From the beginning of the stage until their decision. */
      time_to_decide: durations,
    }),
  ),
  by_rule: z.array(
    z.object({
      rule: z.string(),
      approved: z.int(),
      denied: z.int(),
      expired: z.int(),
      withdrawn: z.int(),
      time_to_decide: durations,
    }),
  ),
});
export type ApprovalMetrics = z.infer<typeof approvalMetrics>;
