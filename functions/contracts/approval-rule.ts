import { z } from 'zod';
import { riskLevel } from './risk.ts';

/** Who may decide: anybody with one of the roles, in one of the groups (teams), or named. Three empty lists are nobody. */
export const eligibility = z.object({ roles: z.array(z.string()), groups: z.array(z.string()), people: z.array(z.string()) });
export type Eligibility = z.infer<typeof eligibility>;

/** null: never. */
const minutes = z.int().positive().nullable();

/** So many distinct people of these have to agree before the next stage begins. */
export const approvalStage = z.object({ name: z.string(), required_approvers: z.int().positive(), eligible: eligibility });
export type ApprovalStage = z.infer<typeof approvalStage>;

/** Becomes eligible, beside those before it, once the time of the level before it is over. */
export const escalationLevel = z.object({ name: z.string(), eligible: eligibility, timeout_minutes: minutes });

export const standingLimits = z.object({ max_runs: z.int().positive(), max_days: z.int().positive() });

/** The rule of one request, as it was in force when the request was opened. */
export const approvalRule = z.object({
  name: z.string(),
  stages: z.array(approvalStage).min(1),
  escalation_chain: z.array(escalationLevel),
  /** The time the people of a stage have before the first level of the chain joins them, or the request expires. */
  timeout_minutes: minutes,
  remind_minutes: minutes,
  on_expiry: z.enum(['deny', 'cancel']),
  /** `ends`: one denial. `majority`: as many denials as the stage asks for approvals, whichever comes first. */
  denial: z.enum(['ends', 'majority']),
  requires_justification: z.boolean(),
  requires_rationale: z.boolean(),
  /** From this risk on, who agrees must have signed in with a second factor; null: the role alone says who must. */
  second_factor_from: riskLevel.nullable().default(null),
  /** Besides the requester and the owner of the agent that asks. */
  excluded: eligibility,
  /** null: each run needs a decision of its own. */
  standing_approvals: standingLimits.nullable(),
});
export type ApprovalRule = z.infer<typeof approvalRule>;

/** Runs are asked for by submitting them: their request is opened with everything that is known of them. */
export const OF_RUNS = 'code_execution';

export const operationType = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'expected an operation type of lower-case letters, digits and _');
