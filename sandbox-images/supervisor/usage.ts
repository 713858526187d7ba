import { readFileSync } from 'node:fs';
import type { UsageSample } from '../../functions/contracts/sandbox-protocol.ts';
import { findControlGroup, type GroupReadings } from './control-group.ts';
import { createDiskGauge, type DiskGauge } from './disk.ts';
import { listProcesses, type ProcessInfo } from './processes.ts';

/** What the guest uses: counted from the moment the meter was made for cpu and disk, as of now for memory and processes. */
export interface UsageMeter {
  readonly measure: () => Measurement;
  /** What is on the disk now that nobody writes any more. */
  readonly finalDiskBytes: () => number;
  /** Whether the kernel ended a process because the whole container was out of memory. */
  readonly ranOutOfMemory: () => boolean;
  /** Cheaper than a sample: the CPU time alone. */
  readonly cpuMilliseconds: () => number;
}

export interface Measurement {
  readonly usage: UsageSample;
  readonly threads: number;
}

export function createUsageMeter(): UsageMeter {
  const readGroup = findControlGroup();
  const disk = createDiskGauge();
  const readCpu = readGroup ? () => groupCpu(readGroup()) : createProcessCpu();
  const cpuAtStart = readCpu();
  const killsAtStart = readGroup?.().memoryKills ?? 0;
  let cpu = 0;

  function cpuMilliseconds(): number {
    cpu = Math.max(cpu, readCpu() - cpuAtStart);
    return cpu;
  }

  function measure(): Measurement {
    const all = listProcesses();
    const processes = all.filter(({ state }) => state !== 'Z' && state !== 'X');
    const usage = {
      cpu_ms: Math.round(cpuMilliseconds() * 10) / 10,
      memory_bytes: readGroup ? groupMemory(readGroup(), disk) : sumOf(processes, ({ residentBytes }) => residentBytes),
      disk_bytes: disk.usedBytes(),
      processes: processes.length,
    };
    return { usage, threads: sumOf(all, ({ threads }) => threads) };
  }

  return {
    measure,
    cpuMilliseconds,
    finalDiskBytes: () => disk.usedBytes('anew'),
    ranOutOfMemory: () => (readGroup?.().memoryKills ?? 0) > killsAtStart,
  };
}

/** The group holds the supervisor too. */
function groupCpu(readings: GroupReadings): number {
  const own = process.cpuUsage();
  return readings.cpuMilliseconds - (own.user + own.system) / 1000;
}

/** Without the supervisor's own memory, and without files on memory-backed volumes, which count as disk. */
function groupMemory(readings: GroupReadings, disk: DiskGauge): number {
  return Math.max(0, readings.anonymousBytes + readings.sharedBytes - disk.memoryBackedBytes() - ownAnonymousBytes());
}

function ownAnonymousBytes(): number {
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return Number(kibibytes ?? 0) * 1024;
}

/** Where no control group can be read: the time of ended processes is known once their parent, if it is one of these, waited for them. */
function createProcessCpu(): () => number {
  return () => sumOf(listProcesses(), ({ cpuMilliseconds }) => cpuMilliseconds);
}

const sumOf = (processes: readonly ProcessInfo[], figure: (one: ProcessInfo) => number): number =>
  processes.reduce((sum, one) => sum + figure(one), 0);
