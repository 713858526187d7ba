import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessInfo {
  readonly processId: number;
  readonly state: string;
  /** Own CPU time and that of the children it has waited for. */
  readonly cpuMilliseconds: number;
  readonly residentBytes: number;
  /** What the kernel counts it as; one that has ended and was not waited for still counts. */
  readonly threads: number;
}

/** Both are 100 per second and 4096 bytes on every Linux that Node runs on here. */
const MILLISECONDS_PER_TICK = 10;
const PAGE_BYTES = 4096;

/** Every process of this container but process 1 and the supervisor itself. */
export function listProcesses(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((processId) => processId !== 1 && processId !== process.pid)
    .flatMap((processId) => {
      const stat = readStat(processId);
      return stat === undefined ? [] : [parseProcessStat(processId, stat)];
    });
}

/** It may end between being listed and being read. */
function readStat(processId: number): string | undefined {
  try {
    return readFileSync(`/proc/${processId}/stat`, 'latin1');
  } catch {
    return undefined;
  }
}

/** The program's name may itself hold spaces and parentheses, so fields count from the last one. */
export function parseProcessStat(processId: number, stat: string): ProcessInfo {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3] ?? 0);
  return {
    processId,
    state: fields[0] ?? 'X',
    cpuMilliseconds: (field(14) + field(15) + field(16) + field(17)) * MILLISECONDS_PER_TICK,
    residentBytes: field(24) * PAGE_BYTES,
    threads: Math.max(1, field(20)),
  };
}
