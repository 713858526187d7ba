import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { counter, findControlGroup } from './control-group.ts';
import { treeBytes } from './disk.ts';
import { THREAD_ALLOWANCE } from './guest.ts';
import { exceededLimit } from './limits.ts';
import { parseProcessStat } from './processes.ts';

it('a process whose name looks like more fields is still read right', () => {
  const stat = `7 (a) R 1 (x)) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 13 14 20 0 1 0 100 4096 25 1844`;
  expect(parseProcessStat(7, stat)).toEqual({
    processId: 7,
    state: 'S',
    cpuMilliseconds: 500,
    residentBytes: 25 * 4096,
    threads: 1,
  });
});

it('a counter is found by its whole name', () => {
  const text = 'anon_thp 1\nanon 22\nshmem 3\n';
  expect([counter(text, 'anon'), counter(text, 'shmem'), counter(text, 'anon_thp')]).toEqual([22, 3, 1]);
  expect(counter(text, 'file')).toBeNaN();
});

describe('with a control group of version 1 and of version 2', () => {
  const root = mkdtempSync(join(tmpdir(), 'group-'));
  const write = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };

  it('the one that holds this process is read', () => {
    expect(findControlGroup(root)).toBeUndefined();
    write('memory/cgroup.procs', `1\n${process.pid}\n`);
    write('memory/memory.stat', 'rss 1\ntotal_rss 500\ntotal_shmem 60\n');
    write('cpuacct/cpuacct.usage', '7000000\n');
    write('memory/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n');
    expect(findControlGroup(root)?.()).toEqual({ cpuMilliseconds: 7, anonymousBytes: 500, sharedBytes: 60, memoryKills: 2 });
    write('cgroup.procs', '1\n2\n');
    write('memory.stat', 'anon 9\nshmem 8\n');
    write('cpu.stat', 'usage_usec 3000\n');
    write('memory.events', 'oom 1\noom_kill 4\noom_group_kill 0\n');
    expect(findControlGroup(root)?.().anonymousBytes).toBe(500);
    write('cgroup.procs', `${process.pid}\n`);
    expect(findControlGroup(root)?.()).toEqual({ cpuMilliseconds: 3, anonymousBytes: 9, sharedBytes: 8, memoryKills: 4 });
    rmSync(root, { recursive: true });
  });
});

it('a tree counts the space it takes, whatever its names, each file once, holes and what links lead to not at all', () => {
  const root = mkdtempSync(join(tmpdir(), 'tree-'));
  mkdirSync(join(root, 'deep'));
  writeFileSync(join(root, 'deep', 'file'), Buffer.alloc(1_000_000, 1));
  linkSync(join(root, 'deep', 'file'), join(root, 'second'));
  const notText = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff])]);
  mkdirSync(notText);
  writeFileSync(Buffer.concat([notText, Buffer.from('/inside')]), Buffer.alloc(500_000, 1));
  symlinkSync('/usr', join(root, 'link'));
  writeFileSync(join(root, 'hole'), '');
  truncateSync(join(root, 'hole'), 1_000_000_000);
  const bytes = treeBytes(root);
  rmSync(root, { recursive: true });
  expect(bytes).toBeGreaterThanOrEqual(1_500_000);
  expect(bytes).toBeLessThan(1_600_000);
});

it('a tree that is deeper than can be walked passes every limit', () => {
  const root = mkdtempSync(join(tmpdir(), 'tree-'));
  mkdirSync(join(root, 'd/'.repeat(150)), { recursive: true });
  expect(treeBytes(root)).toBeLessThan(2_000_000);
  mkdirSync(join(root, 'd/'.repeat(250)), { recursive: true });
  const bytes = treeBytes(root);
  rmSync(root, { recursive: true });
  expect(bytes).toBe(2 ** 50);
});

it('a sample past a limit names it, one at the limit is fine', () => {
  const limits = { memory_bytes: 10, cpu: 1, disk_bytes: 20, processes: 3, open_files: 9 };
  const usage = { cpu_ms: 1e9, memory_bytes: 10, disk_bytes: 20, processes: 3 };
  const threads = 3 + THREAD_ALLOWANCE;
  const exceeded = (more: object) => exceededLimit({ usage: { ...usage, ...more }, threads }, limits);
  expect(exceeded({})).toBeUndefined();
  expect(exceeded({ memory_bytes: 11 })).toBe('memory_limit');
  expect(exceeded({ disk_bytes: 21 })).toBe('disk_limit');
  expect(exceeded({ processes: 4 })).toBe('process_limit');
  expect(exceededLimit({ usage, threads: threads + 1 }, limits)).toBe('process_limit');
});
