import { beforeAll, describe, expect, it } from 'vitest';
import { program, runForJson } from './support.ts';

interface Answer {
  readonly calls: Readonly<Record<string, string>>;
  readonly status: Readonly<Record<string, string>>;
  readonly privileged: readonly string[];
  readonly settings: readonly string[];
  readonly image: readonly string[];
  readonly looked_at: number;
}

describe('a guest cannot raise itself', () => {
  let answer: Answer;
  beforeAll(async () => {
    ({ answer } = await runForJson<Answer>({ language: 'python', code: program('raise.py') }));
  });

  it('by a system call: namespaces, mounts, ptrace, keys, bpf, perf, kexec, modules, the clock are all refused', () => {
    const refusals = new Set(['EPERM', 'ENOSYS', 'EACCES']);
    expect(Object.keys(answer.calls).length).toBeGreaterThan(30);
    expect(Object.entries(answer.calls).filter(([, outcome]) => !refusals.has(outcome))).toEqual([]);
  });

  it('by a program: none of the image is setuid, setgid or has capabilities', () => {
    expect(answer.looked_at, 'files looked at').toBeGreaterThan(1000);
    expect(answer.privileged).toEqual([]);
  });

  it('by what it holds: no new privileges, a filter, and no capability', () => {
    const none = '0'.repeat(16);
    expect(answer.status).toMatchObject({
      NoNewPrivs: '1',
      Seccomp: '2',
      CapInh: none,
      CapPrm: none,
      CapEff: none,
      CapAmb: none,
    });
  });

  it('by a setting: nothing of /proc/sys and /sys can be written', () => {
    expect(answer.settings).toEqual([]);
  });

  it('by changing what others run', () => {
    expect(answer.image).toEqual([]);
  });
});
