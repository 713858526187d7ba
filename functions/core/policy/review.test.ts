import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Language } from '../../contracts/manifest.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import { type Configuration, loadConfiguration } from './configuration.ts';
import { isBlocked, type ReviewFacts, review } from './review.ts';

const configuration = loadConfiguration(join(import.meta.dirname, '../../../config'));
const limits = configuration.environments.python?.limits ?? {
  memory_bytes: 1,
  cpu: 1,
  disk_bytes: 1,
  processes: 1,
  open_files: 1,
};
const plain: ReviewFacts = {
  language: 'python',
  code: 'print(6 * 7)\n',
  stdin: null,
  files: [],
  environment: 'python',
  limits,
  timeout_seconds: 30,
  profile: { name: 'restricted', content: {} },
};
const reviewed = (facts: Partial<ReviewFacts>) => review(configuration, { ...plain, ...facts });
const linesOf = (code: string) => reviewed({ code }).findings.map((finding) => finding.line);

describe('the review', () => {
  it('finds nothing in a plain program', () => {
    expect(reviewed({})).toEqual({ level: 'low', factors: [], findings: [] });
  });

  it('names each dangerous pattern with its line', () => {
    expect(reviewed({ language: 'sql', environment: 'sql', code: 'SELECT 1;\nDROP TABLE a;\n' })).toEqual({
      level: 'high',
      factors: ['contains "DROP TABLE" (line 2)'],
      findings: [{ rule: 'dangerous_pattern', level: 'high', message: 'contains "DROP TABLE"', line: 2 }],
    });
  });

  it.each([
    ['drop table a', 1],
    ['x\nDROP\t  TABLE a', 2],
    ['x\n\nDELETE\n  FROM a', 3],
    ['rm    -rf /', 1],
    ['rm \\\n  -rf /', 1],
    ['a\r\nb\r\nRM -RF /', 3],
    ['x = 1\ny = eval (x)', 2],
    ['os.system("cd /\\nrm -rf .")', 1],
  ])('sees through case and white space: %j', (code, line) => {
    expect(linesOf(code)).toEqual([line]);
  });

  it('does not take the words apart from each other for the pattern', () => {
    expect(linesOf('DROP(x)\nTABLE\nDROPTABLE\nretrieval = 1 (2)')).toEqual([]);
  });

  it('finds a pattern wherever it is put', () => {
    const line = fc.stringMatching(/^[a-z ]{0,20}$/);
    fc.assert(
      fc.property(fc.array(line), line, fc.constantFrom('rm -rf', 'DROP TABLE', 'eval('), (before, around, pattern) => {
        expect(linesOf([...before, `${around};${pattern};${around}`].join('\n'))).toContain(before.length + 1);
      }),
    );
  });

  it('gives the same answer for the same facts, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (code) => {
        expect(reviewed({ code })).toEqual(reviewed({ code }));
      }),
    );
  });

  it('stays small for code full of patterns, and says how many there were', () => {
    const { findings, factors } = reviewed({ code: 'eval(1)\n'.repeat(5000) });
    expect(findings).toHaveLength(10);
    expect(factors).toEqual(['contains "eval(" (5000 lines)']);
  });

  it('points at characters that hide what runs', () => {
    const { level, findings } = reviewed({ code: 'ok\nif a:\u202e pass\nprint("\u001b[8m")\r\n' });
    expect(level).toBe('high');
    expect(findings.map(({ rule, line }) => [rule, line])).toEqual([
      ['hidden_characters', 2],
      ['hidden_characters', 3],
    ]);
  });

  it.each<[string, Partial<ReviewFacts>]>([
    ['long time', { timeout_seconds: 301 }],
    ['much memory', { limits: { ...limits, memory_bytes: 2 ** 31 } }],
    ['many CPUs', { limits: { ...limits, cpu: 3 } }],
    ['limits above the environment', { limits: { ...limits, processes: 65 } }],
    ['unread code', { files: [{ path: 'lib/helper.py', sha256: '0'.repeat(64), size_bytes: 1 }] }],
    ['much input', { stdin: 'x'.repeat(300_000) }],
    ['bash', { language: 'bash', environment: 'bash' }],
    ['the trusted profile', { profile: { name: 'trusted', content: {} } }],
  ])('raises the level to medium and says so: %s', (_, facts) => {
    const { level, factors } = reviewed(facts);
    expect(level).toBe('medium');
    expect(factors.length).toBeGreaterThan(0);
  });

  it.each<[string, Partial<ReviewFacts>]>([
    ['language', { language: 'cobol' as Language }],
    ['environment', { environment: 'constructor' }],
    ['profile', { profile: { name: '__proto__', content: {} } }],
  ])('is high for an unknown %s', (_, facts) => {
    expect(reviewed(facts).level).toBe('high');
  });

  it('is high when it fails', () => {
    const broken = JSON.parse('{}') as Configuration;
    expect(review(broken, plain)).toMatchObject({ level: 'high', findings: [{ rule: 'review_failed' }] });
  });
});

describe('a threshold for blocking', () => {
  const blocking = (threshold: RiskLevel | null): Configuration => ({
    ...configuration,
    riskThresholds: { requires_approval: null, blocked_execution: threshold },
  });

  it('blocks nothing unless it is configured', () => {
    expect(isBlocked(blocking(null), 'critical')).toBe(false);
  });

  it('blocks from its level on', () => {
    expect(isBlocked(blocking('high'), 'medium')).toBe(false);
    expect(isBlocked(blocking('high'), 'high')).toBe(true);
    expect(isBlocked(blocking('high'), 'critical')).toBe(true);
  });
});
