import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { manifestOf, newExecutionId, ruleOf } from '../../../test/support/entities.ts';
import type { ApprovalRuleSettings } from '../policy/configuration-shape.ts';
import { isAmong } from './eligibility.ts';
import { factsOfRun, ruleFor } from './rule.ts';

const requester = { email: 'ann@airlock.test', roles: ['developer'], teams: ['data'], trusted_agent: false };
/** A Monday, half past six in the evening in Berlin. */
const time = new Date('2026-11-23T17:30:00.000Z');
const facts = factsOfRun(configuration, manifestOf(newExecutionId()), 'medium', { requester, team: 'data', time });

const settings = (name: string, when: string | null, more: Partial<ApprovalRuleSettings> = {}): ApprovalRuleSettings => ({
  ...ruleOf(),
  name,
  when,
  auto_approve_conditions: [],
  ...more,
});
const choose = (...rules: ApprovalRuleSettings[]) =>
  ruleFor({ approvalRules: { code_execution: rules } }, 'code_execution', facts);

describe('the rule of a request', () => {
  it('is the first that applies, and says why it and not those before it', () => {
    const { rule, why } = choose(
      settings('bash', 'language == "bash"'),
      settings('data', '"data" in requester.teams'),
      settings('rest', null),
    );
    expect(rule.name).toBe('data');
    expect(why).toEqual([
      'the rule bash does not apply: `language == "bash"` does not hold',
      'the rule data applies: `"data" in requester.teams` holds',
    ]);
  });

  it.each([
    'language == "python" && environment == "python" && profile == "restricted"',
    'risk in ["medium", "high"]',
    'requester.email.endsWith("@airlock.test") && !requester.trusted_agent',
    '"developer" in requester.roles && team == "data"',
    '"numpy" in packages',
    'network == "none" && timeout <= 60',
    'time.getHours("Europe/Berlin") >= 18 && time.getHours() < 18 && time.getDayOfWeek() == 1',
    'time > timestamp("2026-11-01T00:00:00Z")',
    'limits.memory_bytes >= 512.0 * 1024.0 * 1024.0 && limits.cpu < 1.0',
  ])('can ask: %s', (when) => {
    expect(choose(settings('asked', when), settings('rest', null)).rule.name).toBe('asked');
  });

  it('makes nobody eligible when a condition before it cannot be evaluated', () => {
    const { rule, why, autoApproveConditions } = choose(settings('odd', 'requester.teams[7] == "x"'), settings('rest', null));
    for (const roles of [['admin'], ['approver'], ['*']])
      expect(
        isAmong(rule.stages[0]?.eligible ?? ruleOf().excluded, {
          user_id: 'u',
          email: 'e@x',
          roles,
          teams: ['data'],
          owner_id: null,
        }),
      ).toBe(false);
    expect(why.join()).toContain('could not be evaluated, so nobody may approve it');
    expect(autoApproveConditions).toEqual([]);
  });

  it.each(['unheard_of', 'constructor', '__proto__'])('makes nobody eligible for an operation without rules: %s', (type) => {
    const { rule, why } = ruleFor(configuration, type, facts);
    expect(rule.stages[0]?.eligible).toEqual({ roles: [], groups: [], people: [] });
    expect(why).toEqual([`no rule is configured for ${type}, so nobody may approve it`]);
  });

  it('makes nobody eligible when none of them applies', () => {
    expect(choose(settings('bash', 'language == "bash"')).rule.stages[0]?.eligible).toEqual({
      roles: [],
      groups: [],
      people: [],
    });
  });
});
