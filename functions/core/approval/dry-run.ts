/** Which rule a request would fall under, told without opening one. */
import type { z } from 'zod';
import type { FieldError } from '../../contracts/errors.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import type { DryRunRequest, dryRunApprovalRules } from '../../contracts/routes/approvals.ts';
import { isApprovalRequired } from '../policy/approval-requirement.ts';
import type { Configuration } from '../policy/configuration.ts';
import { resolveLimits } from '../policy/limits.ts';
import { expiryOf, levelEnds } from './clocks.ts';
import type { Person } from './eligibility.ts';
import { factsOfRun, ruleFor } from './rule.ts';

type Answer = z.infer<(typeof dryRunApprovalRules)['responses'][200]>;

export function dryRun(
  configuration: Configuration,
  request: DryRunRequest,
  asking: Person & { readonly trusted_agent: boolean },
  now: Date,
): { readonly answer: Answer } | { readonly errors: readonly FieldError[] } {
  const environment = request.environment ?? request.language;
  const profile = request.security_profile ?? configuration.languages[request.language].security_profile;
  const resolved = resolveLimits(configuration, {
    environment,
    profile,
    requested: request.resource_limits,
    timeout_seconds: request.timeout_seconds,
  });
  if ('errors' in resolved) return resolved;
  const { email, roles, teams, trusted_agent } = { ...asking, ...request.requester };
  const risk: RiskLevel = request.risk ?? 'low';
  const run = {
    language: request.language,
    environment,
    network: 'none',
    profile: { name: profile, content: {} },
    ...resolved,
  } as const;
  const facts = factsOfRun(configuration, run, risk, {
    requester: { email, roles, teams, trusted_agent },
    team: request.team ?? teams[0] ?? '',
  });
  const operation = request.operation_type ?? 'code_execution';
  const { rule, why, autoApproveConditions } = ruleFor(configuration, operation, facts);
  const requirement = isApprovalRequired({
    configuration,
    profile,
    approvalRequested: request.approval_required ?? false,
    timeoutSeconds: resolved.timeout_seconds,
    network: run.network,
    trustedAgent: trusted_agent,
    autoApproveConditions,
    riskLevel: risk,
  });
  const from = now.toISOString();
  const minutesUntil = (at: string): number => Math.round((Date.parse(at) - now.getTime()) / 60_000);
  const ends = levelEnds(rule, from);
  const expiry = expiryOf(rule, from);
  return {
    answer: {
      approval_required: requirement.required,
      approval_reasons: requirement.reasons,
      rule,
      why: [...why],
      timetable: {
        levels: rule.escalation_chain.flatMap(({ name }, index) => {
          const at = ends[index];
          return at ? [{ level: name, after_minutes: minutesUntil(at) }] : [];
        }),
        expires_after_minutes: expiry === null ? null : minutesUntil(expiry),
      },
    },
  };
}
