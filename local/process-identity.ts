import { readdirSync, readFileSync } from 'node:fs';

/** A process number alone may belong to somebody else by now; with its start time and the boot it ran in, it cannot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
  readonly bootId: string;
  readonly commandLine: string;
}

export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const startTicks = startTicksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    if (startTicks === undefined) return undefined;
    return {
      pid,
      startTicks,
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      commandLine: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim(),
    };
  } catch {
    return undefined;
  }
}

/** Whether the very process that was written down is still there. The command line may change on exec, so it is not compared. */
export function isSameProcess(recorded: ProcessIdentity, running: ProcessIdentity | undefined): boolean {
  return (
    running !== undefined &&
    running.pid === recorded.pid &&
    running.startTicks === recorded.startTicks &&
    running.bootId === recorded.bootId
  );
}

export const isRunning = (recorded: ProcessIdentity): boolean => isSameProcess(recorded, identify(recorded.pid));

/**
 * Field 22 of /proc/<pid>/stat: clock ticks from boot to the start of the process; `undefined` for a zombie.
 * The command name before it stands in brackets and may itself hold brackets and spaces.
 */
export function startTicksOf(stat: string): number | undefined {
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[18]);
  return state === 'Z' || state === 'X' || !Number.isInteger(ticks) ? undefined : ticks;
}

/** Processes that were started with this variable in their environment, and therefore belong to whoever set it. */
export function processesWith(variable: string, value: string): number[] {
  const wanted = `${variable}=${value}`;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid && environmentOf(pid).includes(wanted));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
