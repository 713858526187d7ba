/**
 * Must a human agree first? Asked at submission, and again by the gate with the rules in force then. What a caller says can only make
 * the answer stricter; whatever is unknown or fails makes it yes.
 */
import type { RiskLevel } from '../../contracts/risk.ts';
import { autoApproveConditions } from './conditions.ts';
import type { Configuration } from './configuration.ts';
import { isAtLeast } from './risk.ts';

export interface ApprovalQuestion {
  readonly configuration: Configuration;
  readonly profile: string;
  /** The request's own wish for a human. */
  readonly approvalRequested: boolean;
  readonly timeoutSeconds: number;
  readonly network: string;
  /** The identity's attribute as it is now, never a claim of the request. */
  readonly trustedAgent: boolean;
  /** Of the approval rule that applies to the request; none of them holds when there are none. */
  readonly autoApproveConditions: readonly string[];
  /** The review's level; left out counts as `high` where a threshold is configured. */
  readonly riskLevel?: RiskLevel | undefined;
}

export interface ApprovalRequirement {
  readonly required: boolean;
  /** Why, in words for people; also when no human is needed. */
  readonly reasons: string[];
  /** The setting (or request field) that decided. */
  readonly rule: string;
}

export function isApprovalRequired(question: ApprovalQuestion): ApprovalRequirement {
  try {
    const causes = [...causesFor(question)];
    const [first] = causes;
    if (!first) return notRequired(question);
    return { required: true, reasons: causes.map((cause) => cause.reason), rule: first.rule };
  } catch {
    return { required: true, reasons: ['the rules could not be evaluated'], rule: 'unknown' };
  }
}

/** Whether an identity may use a profile: one of its roles is listed, and it is a trusted agent where the profile wants one. */
export function mayUseProfile(
  configuration: Configuration,
  profile: string,
  identity: { readonly roles: readonly string[]; readonly trustedAgent: boolean },
): boolean {
  const settings = profileOf(configuration, profile);
  if (!settings) return false;
  const listed: readonly string[] = settings.roles;
  return identity.roles.some((role) => listed.includes(role)) && (identity.trustedAgent || !settings.requires_trusted_agent);
}

interface Cause {
  readonly reason: string;
  readonly rule: string;
}

const CONDITIONS = 'approval_rules.code_execution.auto_approve_conditions';
const REQUESTED = 'request.approval_required';
const THRESHOLD = 'risk_thresholds.requires_approval';

function* causesFor(question: ApprovalQuestion): Generator<Cause> {
  const { configuration, profile: name, timeoutSeconds } = question;
  if (question.approvalRequested) yield { reason: 'the request asks for approval', rule: REQUESTED };
  if (question.network !== 'none') yield { reason: `the network mode ${question.network} is not known`, rule: 'network_mode' };

  const threshold = configuration.riskThresholds.requires_approval;
  const risk = question.riskLevel ?? 'high';
  if (threshold !== null && isAtLeast(risk, threshold)) yield { reason: `the risk is ${risk}`, rule: THRESHOLD };

  const profile = profileOf(configuration, name);
  if (!profile) {
    yield { reason: `the security profile ${name} is not known`, rule: 'security_policies' };
    return;
  }
  const policy = `security_policies.${profile.policy}`;
  if (!(timeoutSeconds > 0 && timeoutSeconds <= profile.max_execution_time_seconds)) {
    yield { reason: `the timeout is not within what the profile ${name} allows`, rule: `${policy}.max_execution_time` };
  }
  if (profile.requires_trusted_agent && !question.trustedAgent) {
    yield { reason: `the profile ${name} is for trusted agents`, rule: `${policy}.requires_trusted_agent` };
  }
  if (!profile.require_approval) return;
  if (!profile.auto_approve) {
    yield { reason: `the security profile ${name} requires approval`, rule: `${policy}.require_approval` };
    return;
  }
  const failing = conditionsNotMet(question);
  if (failing.length === 0) return;
  yield { reason: `the security profile ${name} requires approval`, rule: CONDITIONS };
  for (const condition of failing) yield { reason: condition, rule: CONDITIONS };
}

/** An empty list of conditions is never met: a rule that says nothing lets nothing through. */
function conditionsNotMet(question: ApprovalQuestion): string[] {
  const conditions = question.autoApproveConditions;
  if (conditions.length === 0) return ['no auto-approve condition is configured'];
  const facts = {
    execution_time: question.timeoutSeconds,
    no_network_access: question.network === 'none',
    trusted_agent: question.trustedAgent,
  };
  return conditions.flatMap((condition) => {
    try {
      return autoApproveConditions.holds(condition, facts) ? [] : [`the auto-approve condition "${condition}" does not hold`];
    } catch {
      return [`the auto-approve condition "${condition}" could not be evaluated`];
    }
  });
}

function notRequired({ configuration, profile: name }: ApprovalQuestion): ApprovalRequirement {
  const profile = profileOf(configuration, name);
  if (profile?.require_approval) return { required: false, reasons: ['all auto-approve conditions hold'], rule: CONDITIONS };
  const rule = `security_policies.${profile?.policy}.require_approval`;
  return { required: false, reasons: [`the security profile ${name} needs no approval`], rule };
}

function profileOf(
  { profiles }: Configuration,
  name: string,
): Configuration['profiles'][keyof Configuration['profiles']] | undefined {
  const byName: Readonly<Record<string, (typeof profiles)[keyof typeof profiles]>> = profiles;
  return Object.hasOwn(byName, name) ? byName[name] : undefined;
}
