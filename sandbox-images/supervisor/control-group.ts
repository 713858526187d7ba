import { readFileSync } from 'node:fs';

/** What the kernel has counted for the whole container. Nothing escapes it: not ended children, not shared or unnamed memory. */
export interface GroupReadings {
  readonly cpuMilliseconds: number;
  readonly anonymousBytes: number;
  /** Shared memory, which includes files on memory-backed volumes. */
  readonly sharedBytes: number;
  /** Processes that the kernel ended because the container was out of memory. */
  readonly memoryKills: number;
}

/** A reader of this container's control group, version 2 or 1, or undefined where it cannot be read or is not this container's. */
export function findControlGroup(root = '/sys/fs/cgroup'): (() => GroupReadings) | undefined {
  return [versionTwo(root), versionOne(root)].find(({ processList, read }) => {
    try {
      const isOwn = readFileSync(processList, 'latin1').split('\n').includes(String(process.pid));
      return isOwn && Object.values(read()).every((value) => Number.isFinite(value));
    } catch {
      return false;
    }
  })?.read;
}

interface Candidate {
  readonly processList: string;
  readonly read: () => GroupReadings;
}

const versionTwo = (root: string): Candidate => ({
  processList: `${root}/cgroup.procs`,
  read: () => {
    const memory = readFileSync(`${root}/memory.stat`, 'latin1');
    return {
      cpuMilliseconds: counter(readFileSync(`${root}/cpu.stat`, 'latin1'), 'usage_usec') / 1000,
      anonymousBytes: counter(memory, 'anon'),
      sharedBytes: counter(memory, 'shmem'),
      memoryKills: counter(readFileSync(`${root}/memory.events`, 'latin1'), 'oom_kill'),
    };
  },
});

const versionOne = (root: string): Candidate => ({
  processList: `${root}/memory/cgroup.procs`,
  read: () => {
    const memory = readFileSync(`${root}/memory/memory.stat`, 'latin1');
    return {
      cpuMilliseconds: Number(readFileSync(`${root}/cpuacct/cpuacct.usage`, 'latin1')) / 1e6,
      anonymousBytes: counter(memory, 'total_rss'),
      sharedBytes: counter(memory, 'total_shmem'),
      memoryKills: counter(readFileSync(`${root}/memory/memory.oom_control`, 'latin1'), 'oom_kill'),
    };
  },
});

/** The value of one `name value` line; NaN if there is none. */
export function counter(text: string, name: string): number {
  const line = text.startsWith(`${name} `) ? 0 : text.indexOf(`\n${name} `) + 1;
  if (line === 0 && !text.startsWith(`${name} `)) return Number.NaN;
  return Number.parseInt(text.slice(line + name.length + 1), 10);
}
