import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf, NOW, ruleOf } from '../../../test/support/entities.ts';
import type { DryRunRequest } from '../../contracts/routes/approvals.ts';
import type { ApprovalRuleSettings } from '../policy/configuration-shape.ts';
import { dryRun } from './dry-run.ts';

const settings = (name: string, when: string | null): ApprovalRuleSettings => ({
  ...ruleOf(),
  name,
  when,
  auto_approve_conditions: ['trusted_agent'],
});
const rules = {
  ...configuration.approvalRules,
  code_execution: [settings('at night', 'time.getHours("Europe/Berlin") >= 18'), settings('by day', null)],
  data_export: [settings('of python', 'language == "python" || risk == "low"'), settings('rest', null)],
};
const ask = (request: DryRunRequest) =>
  dryRun({ ...configuration, approvalRules: rules }, request, { ...actorOf(['developer']), trusted_agent: true }, NOW);

describe('what the rules would say', () => {
  it('of a run is what its submission would fall under at that time', () => {
    const of = (time: string) => ask({ language: 'python', security_profile: 'standard', time });
    expect(of('2026-11-23T17:30:00.000Z')).toMatchObject({ answer: { rule: { name: 'at night' }, approval_required: false } });
    expect(of('2026-11-23T09:30:00.000Z')).toMatchObject({ answer: { rule: { name: 'by day' } } });
    expect(ask({})).toMatchObject({ errors: [{ field: 'body.language', received: 'nothing' }] });
  });

  it('of another operation is what its request would fall under: a human always, and nothing that only a run has', () => {
    expect(ask({ operation_type: 'data_export' })).toMatchObject({
      answer: {
        approval_required: true,
        rule: { name: 'rest' },
        approval_reasons: ['whoever asks does a data_export only with an approval'],
      },
    });
  });

  it.each([
    ['language', { language: 'python' }],
    ['resource_limits', { resource_limits: { memory: '1GB' } }],
    ['timeout_seconds', { timeout_seconds: 5 }],
    ['approval_required', { approval_required: false }],
    ['risk', { risk: 'low' }],
  ] as const)('of another operation is not told of what it cannot have: %s', (field, more) => {
    expect(ask({ operation_type: 'data_export', ...more })).toMatchObject({ errors: [{ field: `body.${field}` }] });
  });
});
