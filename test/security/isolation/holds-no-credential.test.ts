import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../support/airlock.ts';
import { runTicket } from '../../support/faults.ts';
import { program, runForJson } from './support.ts';

interface Answer {
  readonly planted: readonly string[] | null;
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly environment: readonly string[];
  readonly environments: Readonly<Record<string, readonly string[]>>;
  readonly command_lines: Readonly<Record<string, readonly string[]>>;
  readonly descriptors: readonly string[];
  readonly memory: string;
}

describe('a guest holds no credential', () => {
  let answer: Answer;
  beforeAll(async () => {
    ({ answer } = await runForJson<Answer>({ language: 'python', code: program('credentials.py') }));
  });

  it('in its environment: nothing of Airlock, of the cloud, or of the task’s metadata', () => {
    expect(answer.environment.filter((name) => /AIRLOCK|AWS|ECS|TOKEN|KEY|SECRET|PASS/.test(name))).toEqual([]);
  });

  it('in the environment or on the command line of any process it can read', () => {
    expect(answer.environments).toEqual({});
    expect(answer.command_lines).toEqual({});
  });

  it('in any file it can read; a search that finds what it planted finds nothing else', () => {
    expect(answer.planted).toEqual(['eyJhbGciOi']);
    expect(answer.files).toEqual({});
  });

  it('in the memory of the supervisor', () => {
    expect(answer.memory).toBe('PermissionError');
  });

  it('and says its ticket nowhere in what it is given, in no language', async () => {
    for (const [language, code] of [
      [
        'bash',
        'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /workspace/* /tmp/* 2>/dev/null | tr "\\0" "\\n" | head -c 20000; env',
      ],
      ['nodejs', 'console.log(JSON.stringify([process.env, process.argv, process.report.getReport().environmentVariables]))'],
    ] as const) {
      const result = await run({ language, code });
      const ticket = await runTicket(result.execution_id);
      expect(ticket).toMatch(/^eyJ/);
      expect(result.output).not.toContain(String(ticket).slice(0, 40));
      expect(result.output).not.toMatch(/AIRLOCK_(TICKET|SANDBOX)|AWS_|ECS_/);
    }
  });
});
