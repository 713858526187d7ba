import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { riskLevel } from '../../contracts/risk.ts';
import { type ApprovalQuestion, isApprovalRequired, mayUseProfile } from './approval-requirement.ts';
import { type Configuration, loadConfiguration } from './configuration.ts';
import { profileName } from './configuration-shape.ts';

const configuration = loadConfiguration(join(import.meta.dirname, '../../../config'));

const quick: ApprovalQuestion = {
  configuration,
  profile: 'standard',
  approvalRequested: false,
  timeoutSeconds: 30,
  network: 'none',
  trustedAgent: true,
  autoApproveConditions: configuration.approvalRules.code_execution?.[0]?.auto_approve_conditions ?? [],
};
const required = (question: Partial<ApprovalQuestion>): boolean => isApprovalRequired({ ...quick, ...question }).required;

describe('a human is needed', () => {
  it('for a run of the default profile, whoever asks and however short it is', () => {
    expect(required({ profile: 'restricted' })).toBe(true);
  });

  it('whenever the request asks for one', () => {
    for (const profile of profileName.options) expect(required({ profile, approvalRequested: true })).toBe(true);
  });

  it('unless all auto-approve conditions hold', () => {
    expect(required({})).toBe(false);
    expect(required({ timeoutSeconds: 60 })).toBe(true);
    expect(required({ trustedAgent: false })).toBe(true);
    expect(required({ network: 'restricted' })).toBe(true);
  });

  it('when there are no auto-approve conditions', () => {
    expect(required({ autoApproveConditions: [] })).toBe(true);
  });

  it.each(['1 / 0 == 1', 'unheard_of', 'execution_time', 'execution_time <', '"yes"', ''])(
    'when a condition cannot be evaluated to yes or no: %j',
    (condition) => {
      expect(required({ autoApproveConditions: ['trusted_agent', condition] })).toBe(true);
    },
  );

  it.each(['unknown', '', 'default', 'constructor', '__proto__'])('for a profile nobody knows: %j', (profile) => {
    expect(required({ profile })).toBe(true);
  });

  it.each([Number.NaN, -1, 0, Number.POSITIVE_INFINITY, 601])('for a timeout out of bounds: %d', (timeoutSeconds) => {
    const lenient = ['!(execution_time > 60.0)'];
    expect(required({ autoApproveConditions: lenient, timeoutSeconds })).toBe(true);
    expect(required({ profile: 'trusted', timeoutSeconds })).toBe(true);
  });

  it('for the profile of trusted agents once the identity is no longer one', () => {
    expect(required({ profile: 'trusted' })).toBe(false);
    expect(required({ profile: 'trusted', trustedAgent: false })).toBe(true);
  });

  it('from the configured risk on, and then also when no risk is known', () => {
    const careful = { ...configuration, riskThresholds: { requires_approval: 'high' as const, blocked_execution: null } };
    expect(required({ configuration: careful, profile: 'trusted', riskLevel: 'medium' })).toBe(false);
    expect(required({ configuration: careful, profile: 'trusted', riskLevel: 'high' })).toBe(true);
    expect(required({ configuration: careful, profile: 'trusted' })).toBe(true);
  });

  it('when the configuration itself is broken', () => {
    const broken = JSON.parse('{}') as Configuration;
    expect(isApprovalRequired({ ...quick, configuration: broken }).required).toBe(true);
  });
});

describe('the answer', () => {
  it('says why a human is needed, and which rule decided', () => {
    expect(isApprovalRequired({ ...quick, approvalRequested: true, trustedAgent: false })).toEqual({
      required: true,
      rule: 'request.approval_required',
      reasons: [
        'the request asks for approval',
        'the security profile standard requires approval',
        'the auto-approve condition "trusted_agent" does not hold',
      ],
    });
  });

  it('says why none is needed', () => {
    expect(isApprovalRequired(quick)).toEqual({
      required: false,
      rule: 'approval_rules.code_execution.auto_approve_conditions',
      reasons: ['all auto-approve conditions hold'],
    });
    expect(isApprovalRequired({ ...quick, profile: 'trusted' })).toEqual({
      required: false,
      rule: 'security_policies.trusted_agent.require_approval',
      reasons: ['the security profile trusted needs no approval'],
    });
  });

  const questions = fc.record({
    profile: fc.oneof(fc.constantFrom(...profileName.options), fc.string()),
    approvalRequested: fc.boolean(),
    timeoutSeconds: fc.oneof(fc.double(), fc.integer({ min: 0, max: 1000 })),
    network: fc.oneof(fc.constant('none'), fc.string()),
    trustedAgent: fc.boolean(),
    riskLevel: fc.constantFrom(undefined, ...riskLevel.options),
  });

  it('is never made laxer by asking for a human, and a request that asks gets one', () => {
    fc.assert(
      fc.property(questions, (question) => {
        expect(required({ ...question, approvalRequested: true })).toBe(true);
      }),
    );
  });

  it('is never made laxer by not asking: without a human only a trusted agent runs, without network, in a known profile', () => {
    fc.assert(
      fc.property(questions, (question) => {
        if (required({ ...question, approvalRequested: false })) return;
        expect(question).toMatchObject({ trustedAgent: true, network: 'none' });
        expect(['standard', 'trusted']).toContain(question.profile);
      }),
    );
  });
});

describe('a profile may be used', () => {
  const may = (profile: string, roles: readonly string[], trustedAgent = false) =>
    mayUseProfile(configuration, profile, { roles, trustedAgent });

  it('by the roles it lists and nobody else', () => {
    expect(may('restricted', ['developer'])).toBe(true);
    expect(may('standard', ['viewer', 'admin'])).toBe(true);
    expect(may('restricted', ['viewer', 'approver'], true)).toBe(false);
    expect(may('restricted', [], true)).toBe(false);
    expect(may('restricted', ['*'], true)).toBe(false);
  });

  it('only by trusted agents of those roles when it is the trusted one', () => {
    expect(may('trusted', ['developer'])).toBe(false);
    expect(may('trusted', ['admin'])).toBe(false);
    expect(may('trusted', ['viewer'], true)).toBe(false);
    expect(may('trusted', ['developer'], true)).toBe(true);
  });

  it('by nobody when its name is unknown', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constantFrom('constructor', '__proto__', 'default', 'trusted_agent'),
          fc.string().filter((name) => !profileName.safeParse(name).success),
        ),
        (profile) => !may(profile, ['admin', 'developer'], true),
      ),
    );
  });
});
