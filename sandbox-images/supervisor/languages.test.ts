import { describe, expect, it } from 'vitest';
import type { Manifest, ResourceLimits } from '../../functions/contracts/manifest.ts';
import { lockedDown } from './guest.ts';
import { fitsPrestarted, RUNTIMES } from './languages.ts';

const limits: ResourceLimits = { memory_bytes: 1000, cpu: 1, disk_bytes: 1000, processes: 10, open_files: 100 };
const job = { language: 'python', entrypoint: 'main.py', limits } as Manifest;

describe('a prestarted interpreter', () => {
  it('takes a job within the limits it was started under', () => {
    expect(fitsPrestarted(job, limits)).toBe(true);
    expect(
      fitsPrestarted({ ...job, limits: { ...limits, memory_bytes: 500, processes: 5, disk_bytes: 10, cpu: 0.1 } }, limits),
    ).toBe(true);
  });

  it.each<Partial<ResourceLimits>>([
    { memory_bytes: 1001 },
    { disk_bytes: 1001 },
    { processes: 11 },
    { open_files: 101 },
    { open_files: 99 },
  ])('does not take a job with %o, which it could not be held to or would hold back', (change) => {
    expect(fitsPrestarted({ ...job, limits: { ...limits, ...change } }, limits)).toBe(false);
  });

  it('takes scripts of any name, but for python, which knows its script from the start', () => {
    expect(fitsPrestarted({ ...job, entrypoint: 'other.py' }, limits)).toBe(false);
    expect(fitsPrestarted({ ...job, language: 'nodejs', entrypoint: 'src/a.ts' }, limits)).toBe(true);
    expect(fitsPrestarted({ ...job, language: 'bash', entrypoint: 'b.sh' }, limits)).toBe(true);
  });
});

it('bash is told of its job in parts that no character can break', () => {
  const message = RUNTIMES.bash.message({ entrypoint: 'a b.sh', args: ['', '$x\n"'], variables: { A: "'1'\n" } });
  expect(message.split('\0')).toEqual(['1', "A='1'\n", 'a b.sh', '', '$x\n"', '']);
});

it('the launch drops every privilege and sets every limit before the interpreter', () => {
  const command = lockedDown({ userId: 23456 }, limits, 5000, ['/usr/bin/python3', 'x']).join(' ');
  for (const part of [
    '--reuid 23456',
    '--regid 23456',
    '--clear-groups',
    '--no-new-privs',
    '--bounding-set=-all',
    '--seccomp-filter',
  ]) {
    expect(command).toContain(part);
  }
  expect(command).toMatch(
    /--nproc=43:43 --nofile=100:100 --fsize=1049576:1049576 --data=5000:5000 --core=0:0 .*-- \/usr\/bin\/python3 x$/,
  );
});
