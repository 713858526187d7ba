/** `approval_rules` of hitl-mcp.yaml as owners write them: one rule for an operation type, or a list of which the first that applies counts. */
import { z } from 'zod';
import { operationType } from '../../contracts/approval-rule.ts';
import { roleName, teamName } from '../../contracts/identity.ts';
import { riskLevel } from '../../contracts/risk.ts';
import { autoApproveConditions, ruleConditions } from './conditions.ts';
import { oneOf, section, text, whole, yesOrNo } from './configuration-values.ts';

const named = (name: z.ZodType, what: string) => {
  const error = `the name of a ${what}`;
  return z.string({ error }).refine((value) => name.safeParse(value).success, { error });
};
const rolesWho = z.array(named(roleName, 'role'), { error: 'a list of roles' });
const groupsWho = z.array(named(teamName, 'team'), { error: 'a list of groups (teams)' });
const peopleWho = z.array(z.email({ error: 'an e-mail address' }), { error: 'a list of e-mail addresses' });

/** A list left out is nobody, and so is an empty one. */
const who = section({ roles: rolesWho.default([]), groups: groupsWho.default([]), people: peopleWho.default([]) });

const condition = (language: typeof ruleConditions | typeof autoApproveConditions) =>
  z.string({ error: 'a condition in CEL' }).superRefine((value, context) => {
    const mistake = language.mistake(value);
    if (mistake === null) return;
    context.addIssue({ code: 'custom', message: `a true-or-false condition over ${language.variables}; ${mistake}` });
  });

const MONTH_MINUTES = 30 * 24 * 60;
const approvers = whole('people', 1, 20);
const minutesError = { error: `a whole number of minutes from 1 to ${MONTH_MINUTES}, or never` };
const minutesOrNever = z.union([z.int().min(1).max(MONTH_MINUTES), z.literal('never').transform((): null => null)], minutesError);

const rule = section({
  name: z
    .string({ error: 'a name' })
    .regex(/^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$/, { error: 'a name of letters, digits, space, _ . and -' })
    .optional(),
  when: condition(ruleConditions).optional(),
  /** The short way to write one stage. */
  required_approvers: approvers.optional(),
  eligible_roles: rolesWho.optional(),
  eligible_groups: groupsWho.optional(),
  eligible_people: peopleWho.optional(),
  stages: z
    .array(section({ name: text, required_approvers: approvers.default(1), eligible: who }), { error: 'a list of stages' })
    .min(1, { error: 'at least one stage' })
    .max(10, { error: 'at most 10 stages' })
    .optional(),
  escalation_chain: z
    .array(
      z.union([text, section({ level: text, timeout_minutes: minutesOrNever })], {
        error: 'the name of a level, or a mapping with the keys level, timeout_minutes',
      }),
      {
        error: 'a list of levels',
      },
    )
    .max(10, { error: 'at most 10 levels' })
    .default([]),
  timeout_minutes: minutesOrNever,
  remind_minutes: minutesOrNever.default(null),
  on_expiry: oneOf(['deny', 'cancel']).default('deny'),
  denial: oneOf(['ends', 'majority']).default('ends'),
  requires_justification: yesOrNo.default(false),
  requires_rationale: yesOrNo.default(false),
  second_factor_from: oneOf([...riskLevel.options, 'never']).default('never'),
  excluded: who.default({ roles: [], groups: [], people: [] }),
  standing_approvals: section({ max_runs: whole('runs', 1, 10_000), max_days: whole('days', 1, 365) }).optional(),
  auto_approve_conditions: z.array(condition(autoApproveConditions), { error: 'a list of conditions' }).default([]),
});
export type RuleOfFile = z.infer<typeof rule>;

const rules = z.array(rule).min(1, { error: 'at least one rule' }).max(50, { error: 'at most 50 rules' });

/** A list of one is not written as a list; mistakes are told where the owner wrote them. */
const oneOrMore = z.unknown().transform((value, context): RuleOfFile[] => {
  const read = Array.isArray(value) ? rules.safeParse(value) : rule.safeParse(value);
  if (read.success) return [read.data].flat();
  for (const { path, message, ...issue } of read.error.issues) {
    const places = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path];
    for (const place of places) context.addIssue({ code: 'custom', path: place, message });
  }
  return z.NEVER;
});

/** Names that escalation chains use. */
export const approverLevels = z.record(text, who, { error: 'a mapping from names of levels to who stands on them' }).default({});

export const approvalRules = z
  .record(operationType, oneOrMore, { error: 'a mapping from operation types to their rules' })
  .refine((types) => Object.hasOwn(types, 'code_execution'), { error: 'rules for at least code_execution' });
