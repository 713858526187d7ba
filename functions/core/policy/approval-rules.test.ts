import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfiguration } from './configuration.ts';
import { ConfigurationError } from './configuration-problems.ts';

const directory = join(import.meta.dirname, '../../../config');
const shipped = Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));

const HEAD = [
  'server: { port: 3003, web_interface_port: 8080 }',
  'approver_levels:',
  '  lead: { groups: [leads] }',
  '  boss: { people: [boss@airlock.test] }',
];

/** The shipped configuration with these rules for code_execution, one line of YAML each, indented as under the type. */
const textOf = (...lines: string[]): string =>
  [...HEAD, 'approval_rules:', '  code_execution:', ...lines.map((line) => `    ${line}`)].join('\n');
const rulesFrom = (...lines: string[]) =>
  parseConfiguration({ ...shipped, 'hitl-mcp.yaml': textOf(...lines) }).approvalRules.code_execution ?? [];

function problemsFrom(...lines: string[]) {
  try {
    rulesFrom(...lines);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

const ONE = 'required_approvers: 1';
const WHO = 'eligible_roles: [approver]';
const TIME = 'timeout_minutes: 30';

describe('rules of approvals', () => {
  it('are one rule in the short form, with every list that is left out empty', () => {
    expect(rulesFrom(ONE, WHO, TIME)).toEqual([
      {
        name: 'code_execution',
        when: null,
        stages: [{ name: 'approval', required_approvers: 1, eligible: { roles: ['approver'], groups: [], people: [] } }],
        escalation_chain: [],
        timeout_minutes: 30,
        remind_minutes: null,
        on_expiry: 'deny',
        denial: 'ends',
        requires_justification: false,
        requires_rationale: false,
        second_factor_from: null,
        excluded: { roles: [], groups: [], people: [] },
        standing_approvals: null,
        auto_approve_conditions: [],
      },
    ]);
  });

  it('are a list with conditions, stages, named levels and times of their own', () => {
    const [careful, usual] = rulesFrom(
      "- when: \"risk in ['high', 'critical'] || limits.memory_bytes > 1000.0 * 1024.0\"",
      '  name: careful',
      '  stages:',
      '    - { name: lead, eligible: { groups: [leads] } }',
      '    - { name: security, required_approvers: 2, eligible: { roles: [admin], people: [boss@airlock.test] } }',
      '  timeout_minutes: 10',
      '  escalation_chain: [lead, { level: boss, timeout_minutes: never }]',
      '  remind_minutes: 5',
      '  denial: majority',
      '  on_expiry: cancel',
      `- ${ONE}`,
      `  ${WHO}`,
      '  timeout_minutes: never',
    );
    expect(careful).toMatchObject({
      name: 'careful',
      stages: [{ required_approvers: 1 }, { required_approvers: 2, eligible: { people: ['boss@airlock.test'] } }],
      escalation_chain: [
        { name: 'lead', eligible: { groups: ['leads'] }, timeout_minutes: 10 },
        { name: 'boss', eligible: { people: ['boss@airlock.test'] }, timeout_minutes: null },
      ],
      remind_minutes: 5,
      denial: 'majority',
      on_expiry: 'cancel',
    });
    expect(usual).toMatchObject({ name: 'code_execution[1]', when: null, timeout_minutes: null });
  });

  const AT = 'approval_rules.code_execution';
  const mistakes: [name: string, lines: string[], line: number, path: string, expected: string][] = [
    ['nobody eligible', [ONE, TIME], 6, `${AT}.eligible_roles`, 'at least one of eligible_roles'],
    ['a stage of nobody', ['stages: [{ name: a, eligible: {} }]', TIME], 7, `${AT}.stages[0].eligible`, 'at least one of roles'],
    [
      'fewer people than it takes',
      ['required_approvers: 2', 'eligible_people: [a@b.test]', TIME],
      8,
      `${AT}.eligible_people`,
      'as many people',
    ],
    [
      'both forms',
      [ONE, WHO, TIME, 'stages: [{ name: a, eligible: { roles: [admin] } }]'],
      7,
      `${AT}.required_approvers`,
      'either stages',
    ],
    ['no number', [WHO, TIME], 6, `${AT}.required_approvers`, 'required_approvers, or stages'],
    ['no time', [ONE, WHO], 6, `${AT}.timeout_minutes`, 'or never'],
    [
      'a level nobody described',
      [ONE, WHO, TIME, 'escalation_chain: [chief]'],
      10,
      `${AT}.escalation_chain[0]`,
      'under approver_levels (lead, boss)',
    ],
    [
      'a level never reached',
      [ONE, WHO, 'timeout_minutes: never', 'escalation_chain: [lead]'],
      10,
      `${AT}.escalation_chain[0]`,
      'never be reached',
    ],
    ['a condition on the only rule', [ONE, WHO, TIME, 'when: "true"'], 10, `${AT}.when`, 'no condition on the last rule'],
    [
      'a rule behind one that always applies',
      [`- ${ONE}`, `  ${WHO}`, `  ${TIME}`, `- ${ONE}`, `  ${WHO}`, `  ${TIME}`],
      7,
      `${AT}[0]`,
      'a condition (when)',
    ],
    ['an unknown key', [ONE, WHO, TIME, 'escalate: soon'], 10, `${AT}.escalate`, 'only the keys name, when'],
    [
      'an unknown key in a list',
      [`- ${ONE}`, `  ${WHO}`, `  ${TIME}`, '  escalate: soon'],
      10,
      `${AT}[0].escalate`,
      'only the keys name, when',
    ],
    ['an unknown role', [ONE, 'eligible_roles: [approvr]', TIME], 8, `${AT}.eligible_roles[0]`, 'a role described in'],
    [
      'a role that may not approve',
      [ONE, 'eligible_roles: [developer]', TIME],
      8,
      `${AT}.eligible_roles[0]`,
      'the permission approve',
    ],
    [
      'an unknown role excluded',
      [ONE, WHO, TIME, 'excluded: { roles: [contractr] }'],
      10,
      `${AT}.excluded.roles[0]`,
      'a role described in',
    ],
    ['every role at once', [ONE, 'eligible_roles: ["*"]', TIME], 8, `${AT}.eligible_roles[0]`, 'the name of a role'],
    [
      'a misspelt variable',
      ['- when: "langage == \'bash\'"', `  ${ONE}`, `  ${WHO}`, `  ${TIME}`, `- ${ONE}`, `  ${WHO}`, `  ${TIME}`],
      7,
      `${AT}[0].when`,
      'Unknown variable: langage',
    ],
    [
      'a misspelt limit',
      ['- when: "limits.memory > 5.0"', `  ${ONE}`, `  ${WHO}`, `  ${TIME}`, `- ${ONE}`, `  ${WHO}`, `  ${TIME}`],
      7,
      `${AT}[0].when`,
      'No such key: memory',
    ],
    [
      'a time zone there is not',
      [
        '- when: \'time.getHours("Middle/Earth") >= 18\'',
        `  ${ONE}`,
        `  ${WHO}`,
        `  ${TIME}`,
        `- ${ONE}`,
        `  ${WHO}`,
        `  ${TIME}`,
      ],
      7,
      `${AT}[0].when`,
      'no time zone Middle/Earth',
    ],
    ['no rule', ['[]'], 6, AT, 'at least one rule'],
    ['a person without an address', [ONE, 'eligible_people: [boss]', TIME], 8, `${AT}.eligible_people[0]`, 'an e-mail address'],
  ];
  it.each(mistakes)('with %s are refused, with the place and what is expected', (_, lines, line, path, expected) => {
    const problem = problemsFrom(...lines).find((found) => found.path === path && found.expected.includes(expected));
    expect(problem, JSON.stringify(problemsFrom(...lines))).toMatchObject({
      file: 'hitl-mcp.yaml',
      line,
      column: expect.any(Number),
    });
  });

  it.each([
    ['auto_approve_conditions', '["execution_time < 60"]'],
    ['standing_approvals', '{ max_runs: 5, max_days: 1 }'],
  ])('of what is no run with %s, which only runs have, are refused where it stands', (key, value) => {
    const text = [
      ...textOf(ONE, WHO, TIME).split('\n'),
      '  data_export:',
      ...[ONE, WHO, TIME, `${key}: ${value}`].map((line) => `    ${line}`),
    ];
    try {
      parseConfiguration({ ...shipped, 'hitl-mcp.yaml': text.join('\n') });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toMatchObject({
        problems: [
          {
            file: 'hitl-mcp.yaml',
            line: 14,
            path: `approval_rules.data_export.${key}`,
            expected: expect.stringContaining('for runs'),
          },
        ],
      });
    }
  });

  it('that exclude a role which may not approve anyway are read: somebody may have two', () => {
    expect(rulesFrom(ONE, WHO, TIME, 'excluded: { roles: [developer] }')).toHaveLength(1);
  });

  it('for an operation type without code_execution are refused', () => {
    const text = textOf(ONE, WHO, TIME).replace('code_execution:', 'data_export:');
    expect(() => parseConfiguration({ ...shipped, 'hitl-mcp.yaml': text })).toThrow('rules for at least code_execution');
  });
});
