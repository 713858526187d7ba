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
  /** What people were sent on the days (UTC) of that time, by mail, Slack or SMS; messages are kept for 90 days. */
  notifications: z.object({
    /** False: on some day there were more than are counted. */
    complete: z.boolean(),
    /** Messages to one person on one day, of those who were sent any. `count`: how many such days of people. */
    per_person_and_day: z.object({
      count: z.int(),
      p50: z.int().nullable(),
      p95: z.int().nullable(),
      max: z.int().nullable(),
    }),
    by_person: z.array(
      z.object({
        person: requester,
        messages: z.int(),
        /** On so many days. */
        days: z.int(),
        busiest_day: z.object({ day: z.string(), messages: z.int() }),
      }),
    ),
  }),
});
export type ApprovalMetrics = z.infer<typeof approvalMetrics>;
