/** Which rule a request falls under, and why. Pure: the same facts under the same configuration always give the same rule. */

import type { ApprovalRule } from '../../contracts/approval-rule.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import { type RuleFacts, ruleConditions } from '../policy/conditions.ts';
import type { Configuration } from '../policy/configuration.ts';

export interface ChosenRule {
  readonly rule: ApprovalRule;
  /** In words, one for each rule that was looked at. */
  readonly why: readonly string[];
  readonly autoApproveConditions: readonly string[];
}

/** The first rule of the operation type that applies. Where none can be told to apply, a rule under which nobody is eligible. */
export function ruleFor(
  configuration: Pick<Configuration, 'approvalRules'>,
  operationType: string,
  facts: RuleFacts,
): ChosenRule {
  const { approvalRules } = configuration;
  const rules = Object.hasOwn(approvalRules, operationType) ? approvalRules[operationType] : undefined;
  if (!rules) return nobody(operationType, [`no rule is configured for ${operationType}, so nobody may approve it`]);
  const why: string[] = [];
  for (const { when, auto_approve_conditions, ...rule } of rules) {
    const applies = when === null ? true : holds(when, facts);
    if (applies === 'unknown') {
      const said = `the condition \`${when}\` of the rule ${rule.name} could not be evaluated, so nobody may approve it`;
      return nobody(operationType, [...why, said]);
    }
    if (!applies) {
      why.push(`the rule ${rule.name} does not apply: \`${when}\` does not hold`);
      continue;
    }
    why.push(`the rule ${rule.name} applies: ${when === null ? 'it has no condition' : `\`${when}\` holds`}`);
    return { rule, why, autoApproveConditions: auto_approve_conditions };
  }
  return nobody(operationType, [...why, `no rule for ${operationType} applies, so nobody may approve it`]);
}

function holds(condition: string, facts: RuleFacts): boolean | 'unknown' {
  try {
    return ruleConditions.holds(condition, facts);
  } catch {
    return 'unknown';
  }
}

const NOBODY = { roles: [], groups: [], people: [] };

function nobody(operationType: string, why: readonly string[]): ChosenRule {
  const rule: ApprovalRule = {
    name: `${operationType} (no rule)`,
    stages: [{ name: 'approval', required_approvers: 1, eligible: NOBODY }],
    escalation_chain: [],
    timeout_minutes: 60,
    remind_minutes: null,
    on_expiry: 'deny',
    denial: 'ends',
    requires_justification: false,
    requires_rationale: false,
    second_factor_from: null,
    excluded: NOBODY,
    standing_approvals: null,
  };
  return { rule, why, autoApproveConditions: [] };
}

const NO_LIMITS = { memory_bytes: 0, cpu: 0, disk_bytes: 0, processes: 0, open_files: 0 };

/** What the rules may ask about another operation. */
export const factsOfOperation = (risk: RiskLevel, asking: Pick<RuleFacts, 'requester' | 'team' | 'time'>): RuleFacts => ({
  ...{ language: '', profile: '', environment: '', network: '', packages: [], timeout: 0, limits: NO_LIMITS },
  ...{ risk, ...asking },
});

/** What the rules may ask about the run of a manifest. */
export function factsOfRun(
  configuration: Pick<Configuration, 'environments'>,
  manifest: Pick<Manifest, 'language' | 'profile' | 'environment' | 'network' | 'timeout_seconds' | 'limits'>,
  risk: RiskLevel,
  asking: Pick<RuleFacts, 'requester' | 'team' | 'time'>,
): RuleFacts {
  const { environments } = configuration;
  const environment = Object.hasOwn(environments, manifest.environment) ? environments[manifest.environment] : undefined;
  return {
    language: manifest.language,
    profile: manifest.profile.name,
    environment: manifest.environment,
    risk,
    ...asking,
    packages: environment?.allowed_packages ?? [],
    network: manifest.network,
    timeout: manifest.timeout_seconds,
    limits: manifest.limits,
  };
}
