/** From the rules as written to the rules as decided by: levels by name become people, short forms become stages. */
import { type ApprovalStage, type Eligibility, OF_RUNS } from '../../contracts/approval-rule.ts';
import type { RuleOfFile } from './approval-rules-file.ts';
import type { ConfigurationFile } from './configuration-files.ts';
import type { ConfigurationProblem, YamlFile, YamlPath } from './configuration-problems.ts';
import type { ApprovalRuleSettings } from './configuration-shape.ts';

type HumansFile = ConfigurationFile<'hitl-mcp.yaml'>;

interface Roles {
  /** What a role would have to be instead; null when there is one of this name. */
  readonly unknown: (role: string) => string | null;
  /** What a role would have to be instead to decide; null when it may. */
  readonly unfit: (role: string) => string | null;
}

/** Contradictions within the rules. Nobody becomes eligible by being left out. */
export function* approvalProblems(
  { content, problem }: { readonly content: HumansFile; readonly problem: YamlFile['problem'] },
  known: Roles,
): Generator<ConfigurationProblem> {
  const mistakes = function* (
    mistakeOf: Roles['unfit'],
    roles: readonly string[],
    path: YamlPath,
  ): Generator<ConfigurationProblem> {
    for (const [index, role] of roles.entries()) {
      const expected = mistakeOf(role);
      if (expected !== null) yield problem([...path, index], expected);
    }
  };
  for (const [name, level] of Object.entries(content.approver_levels)) {
    const path = ['approver_levels', name];
    if (isNobody(level)) yield problem(path, SOMEBODY);
    yield* mistakes(known.unfit, level.roles, [...path, 'roles']);
  }
  for (const [type, rules] of Object.entries(content.approval_rules)) {
    for (const [index, rule] of rules.entries()) {
      const path = rules.length === 1 ? ['approval_rules', type] : ['approval_rules', type, index];
      yield* ruleProblems(rule, path, content.approver_levels, problem);
      for (const [at, roles] of rolesOf(rule)) yield* mistakes(known.unfit, roles, [...path, ...at]);
      // A name nobody has would exclude nobody.
      yield* mistakes(known.unknown, rule.excluded.roles, [...path, 'excluded', 'roles']);
      if (type !== OF_RUNS) yield* onlyForRuns(rule, path, problem);
      if (index === rules.length - 1 && rule.when !== undefined)
        yield problem([...path, 'when'], 'no condition on the last rule: something has to hold for everything else');
      if (index < rules.length - 1 && rule.when === undefined)
        yield problem(path, 'a condition (when) on every rule but the last: those behind it would never apply', 'none');
    }
  }
}

/** What nobody heeds where no run is asked for must not look as if somebody did. */
function* onlyForRuns(rule: RuleOfFile, path: YamlPath, problem: YamlFile['problem']): Generator<ConfigurationProblem> {
  const expected = `nothing: it is for runs (${OF_RUNS}) alone`;
  if (rule.auto_approve_conditions.length > 0) yield problem([...path, 'auto_approve_conditions'], expected);
  if (rule.standing_approvals !== undefined) yield problem([...path, 'standing_approvals'], expected);
}

const SOMEBODY = 'at least one of roles, groups, people (a list left out is nobody)';
const isNobody = (who: Eligibility): boolean => who.roles.length + who.groups.length + who.people.length === 0;

/** Only names, and fewer of them than it takes: nothing would ever be approved. */
const cannotBeEnough = ({ eligible, required_approvers }: ApprovalStage): boolean =>
  eligible.roles.length + eligible.groups.length === 0 && new Set(eligible.people).size < required_approvers;
const ENOUGH = 'as many people as the stage takes, or a role or group';

function* ruleProblems(
  rule: RuleOfFile,
  path: YamlPath,
  levels: HumansFile['approver_levels'],
  problem: YamlFile['problem'],
): Generator<ConfigurationProblem> {
  const short = ['required_approvers', 'eligible_roles', 'eligible_groups', 'eligible_people'] as const;
  if (rule.stages) {
    for (const key of short)
      if (rule[key] !== undefined) yield problem([...path, key], 'either stages or the short form of one stage');
    for (const [index, stage] of rule.stages.entries()) {
      const at = [...path, 'stages', index, 'eligible'];
      if (isNobody(stage.eligible)) yield problem(at, SOMEBODY);
      else if (cannotBeEnough(stage)) yield problem(at, ENOUGH);
    }
  } else {
    if (rule.required_approvers === undefined) yield problem([...path, 'required_approvers'], 'required_approvers, or stages');
    if (isNobody(shortEligible(rule))) {
      const expected = 'at least one of eligible_roles, eligible_groups, eligible_people (a list left out is nobody)';
      yield problem([...path, 'eligible_roles'], expected);
    } else if (stagesOf(rule).some(cannotBeEnough)) yield problem([...path, 'eligible_people'], ENOUGH);
  }
  for (const [index, entry] of rule.escalation_chain.entries()) {
    const name = typeof entry === 'string' ? entry : entry.level;
    const at = [...path, 'escalation_chain', index];
    if (!Object.hasOwn(levels, name)) {
      const known = Object.keys(levels).join(', ') || 'none is described';
      yield problem(at, `a level described under approver_levels (${known})`);
    }
    const before = index === 0 ? rule.timeout_minutes : minutesOf(rule, index - 1);
    if (before === null) yield problem(at, 'no level behind one that never runs out of time: it would never be reached');
  }
}

/** The roles a rule makes eligible, and where it says so. */
const rolesOf = (rule: RuleOfFile): [path: YamlPath, roles: readonly string[]][] => [
  [['eligible_roles'], rule.eligible_roles ?? []],
  ...(rule.stages ?? []).map((stage, index): [YamlPath, string[]] => [
    ['stages', index, 'eligible', 'roles'],
    stage.eligible.roles,
  ]),
];

/** The rules of every operation type, in order, each with who stands on which level. Asked only of a file without contradictions. */
export function resolveRules(content: HumansFile): Record<string, ApprovalRuleSettings[]> {
  return Object.fromEntries(
    Object.entries(content.approval_rules).map(([type, rules]) => [
      type,
      rules.map((rule, index) => resolveRule(rule, rules.length === 1 ? type : `${type}[${index}]`, content.approver_levels)),
    ]),
  );
}

function resolveRule(rule: RuleOfFile, place: string, levels: HumansFile['approver_levels']): ApprovalRuleSettings {
  const { timeout_minutes, remind_minutes, on_expiry, denial, requires_justification, requires_rationale, excluded } = rule;
  return {
    name: rule.name ?? place,
    when: rule.when ?? null,
    stages: stagesOf(rule),
    escalation_chain: rule.escalation_chain.map((entry, index) => {
      const name = typeof entry === 'string' ? entry : entry.level;
      const eligible = levels[name];
      if (!eligible) throw new Error(`nobody is described as ${name}`);
      return { name, eligible, timeout_minutes: minutesOf(rule, index) };
    }),
    timeout_minutes,
    remind_minutes,
    on_expiry,
    denial,
    requires_justification,
    requires_rationale,
    second_factor_from: rule.second_factor_from === 'never' ? null : rule.second_factor_from,
    excluded,
    standing_approvals: rule.standing_approvals ?? null,
    auto_approve_conditions: rule.auto_approve_conditions,
  };
}

function stagesOf(rule: RuleOfFile): ApprovalStage[] {
  return rule.stages ?? [{ name: 'approval', required_approvers: rule.required_approvers ?? 1, eligible: shortEligible(rule) }];
}

const shortEligible = (rule: RuleOfFile): Eligibility => ({
  roles: rule.eligible_roles ?? [],
  groups: rule.eligible_groups ?? [],
  people: rule.eligible_people ?? [],
});

/** The time a level has: its own, or the rule's. */
function minutesOf(rule: RuleOfFile, index: number): number | null {
  const entry = rule.escalation_chain[index];
  return typeof entry === 'object' ? entry.timeout_minutes : rule.timeout_minutes;
}
