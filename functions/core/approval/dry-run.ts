/** Which rule a request would fall under, told without opening one. */
import type { z } from 'zod';
import { OF_RUNS } from '../../contracts/approval-rule.ts';
import type { FieldError } from '../../contracts/errors.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import type { DryRunRequest, dryRunApprovalRules } from '../../contracts/routes/approvals.ts';
import { isApprovalRequired } from '../policy/approval-requirement.ts';
import type { RuleFacts } from '../policy/conditions.ts';
import type { Configuration } from '../policy/configuration.ts';
import { resolveLimits } from '../policy/limits.ts';
import { LEAST_RISK_OF_OPERATION } from '../policy/review.ts';
import { isAtLeast } from '../policy/risk.ts';
import { expiryOf, levelEnds } from './clocks.ts';
import type { Person } from './eligibility.ts';
import { whyAskedOf } from './operation.ts';
import { type ChosenRule, factsOfOperation, factsOfRun, ruleFor } from './rule.ts';

type Answer = z.infer<(typeof dryRunApprovalRules)['responses'][200]>;
type Told = { readonly answer: Answer } | { readonly errors: readonly FieldError[] };
type Asking = Pick<RuleFacts, 'requester' | 'team' | 'time'>;

export function dryRun(
  configuration: Configuration,
  request: DryRunRequest,
  person: Person & { readonly trusted_agent: boolean },
  now: Date,
): Told {
  const { email, roles, teams, trusted_agent } = { ...person, ...request.requester };
  const time = request.time === undefined ? now : new Date(request.time);
  const asking = { requester: { email, roles, teams, trusted_agent }, team: request.team ?? teams[0] ?? '', time };
  const type = request.operation_type ?? OF_RUNS;
  return type === OF_RUNS ? ofRun(configuration, request, asking) : ofOperation(configuration, request, type, asking);
}

function ofRun(configuration: Configuration, request: DryRunRequest, asking: Asking): Told {
  const { language } = request;
  if (language === undefined) {
    const expected = `one of ${Object.keys(configuration.languages).join(', ')}: a run has a language`;
    return { errors: [{ field: 'body.language', expected, received: 'nothing' }] };
  }
  const environment = request.environment ?? language;
  const profile = request.security_profile ?? configuration.languages[language].security_profile;
  const resolved = resolveLimits(configuration, {
    environment,
    profile,
    requested: request.resource_limits,
    timeout_seconds: request.timeout_seconds,
  });
  if ('errors' in resolved) return resolved;
  const risk: RiskLevel = request.risk ?? 'low';
  const run = { language, environment, network: 'none', profile: { name: profile, content: {} }, ...resolved } as const;
  const chosen = ruleFor(configuration, OF_RUNS, factsOfRun(configuration, run, risk, asking));
  const { required, reasons } = isApprovalRequired({
    configuration,
    profile,
    approvalRequested: request.approval_required ?? false,
    timeoutSeconds: resolved.timeout_seconds,
    network: run.network,
    trustedAgent: asking.requester.trusted_agent,
    autoApproveConditions: chosen.autoApproveConditions,
    riskLevel: risk,
  });
  return { answer: { approval_required: required, approval_reasons: reasons, ...told(chosen, asking.time) } };
}

const ONLY_OF_RUNS = [
  'language',
  'environment',
  'security_profile',
  'resource_limits',
  'timeout_seconds',
  'approval_required',
] as const satisfies readonly (keyof DryRunRequest)[];

function ofOperation(configuration: Configuration, request: DryRunRequest, type: string, asking: Asking): Told {
  const errors: FieldError[] = ONLY_OF_RUNS.filter((name) => request[name] !== undefined).map((name) => ({
    field: `body.${name}`,
    expected: `nothing: ${type} is no run`,
    received: typeof request[name] === 'object' ? 'an object' : String(request[name]),
  }));
  const risk = request.risk ?? LEAST_RISK_OF_OPERATION;
  if (!isAtLeast(risk, LEAST_RISK_OF_OPERATION)) {
    const expected = `${LEAST_RISK_OF_OPERATION} or more: what is no run is never less`;
    errors.push({ field: 'body.risk', expected, received: risk });
  }
  if (errors.length > 0) return { errors };
  const chosen = ruleFor(configuration, type, factsOfOperation(risk, asking));
  return { answer: { approval_required: true, approval_reasons: whyAskedOf(type), ...told(chosen, asking.time) } };
}

function told({ rule, why }: ChosenRule, from: Date): Pick<Answer, 'rule' | 'why' | 'timetable'> {
  const minutesUntil = (at: string): number => Math.round((Date.parse(at) - from.getTime()) / 60_000);
  const ends = levelEnds(rule, from.toISOString());
  const expiry = expiryOf(rule, from.toISOString());
  return {
    rule,
    why: [...why],
    timetable: {
      levels: rule.escalation_chain.flatMap(({ name }, index) => {
        const at = ends[index];
        return at ? [{ level: name, after_minutes: minutesUntil(at) }] : [];
      }),
      expires_after_minutes: expiry === null ? null : minutesUntil(expiry),
    },
  };
}
