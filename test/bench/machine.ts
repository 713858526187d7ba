import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memory_gib: number;
  readonly node: string;
  /** Of the last minute, when it was asked: what else the machine was doing before the first measurement. */
  readonly load_average: number;
}

export const machine = (): Machine => ({
  cores: availableParallelism(),
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  memory_gib: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  load_average: Math.round((loadavg()[0] ?? 0) * 100) / 100,
});

export interface CpuShares {
  /** Of all CPU time; taken by the hypervisor for other machines, so figures of a run with much of it say little. */
  readonly steal_percent: number;
  readonly busy_percent: number;
}

/** Watches /proc/stat from now on; null where there is none. */
export function watchCpu(): () => CpuShares | null {
  const before = readTicks();
  return () => {
    const after = readTicks();
    if (!before || !after) return null;
    const all = after.all - before.all;
    const percent = (ticks: number): number => (all === 0 ? 0 : Math.round((1000 * ticks) / all) / 10);
    return { steal_percent: percent(after.steal - before.steal), busy_percent: percent(all - (after.idle - before.idle)) };
  };
}

/** `cpu user nice system idle iowait irq softirq steal …`; guest time is counted in user and nice already. */
function readTicks(): { all: number; idle: number; steal: number } | null {
  try {
    const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? '';
    const ticks = line.split(/\s+/).slice(1, 9).map(Number);
    const at = (index: number): number => ticks[index] ?? 0;
    return { all: ticks.reduce((sum, value) => sum + value, 0), idle: at(3) + at(4), steal: at(7) };
  } catch {
    return null;
  }
}
