import { randomInt } from 'node:crypto';
import type { ResourceLimits } from '../../functions/contracts/manifest.ts';

export const WORKSPACE = '/workspace';

export interface Guest {
  readonly userId: number;
}

/**
 * Another user in each container, because the kernel counts processes per user over all containers of a machine. Below 65536, as a
 * container in a user namespace has no more.
 */
export const createGuest = (): Guest => ({ userId: randomInt(20_000, 60_000) });

/** All a guest process knows of its surroundings, besides what the manifest gives it. */
export const guestEnvironment = (): Record<string, string> => ({
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: WORKSPACE,
  USER: 'guest',
  LANG: 'C.UTF-8',
  TMPDIR: '/tmp',
  // Each thread of the linear algebra library counts as a process, and the sandbox has a share of a CPU or two.
  OPENBLAS_NUM_THREADS: '1',
});

const FILTER_FILE = '/usr/lib/airlock/guest.bpf';

/** The limit means processes; interpreters have a dozen threads each, and all together may have so many more than the limit. */
export const THREAD_ALLOWANCE = 32;
/** What the kernel lets through beyond the limits, so that the supervisor sees them passed and can say which one it was. */
const VISIBLE_EXCESS = { threads: 1, bytes: 1024 * 1024 };

/** The kernel's limit of threads, of all processes together. */
export const threadLimit = (limits: ResourceLimits): number => limits.processes + THREAD_ALLOWANCE + VISIBLE_EXCESS.threads;

/**
 * The command that starts `argv` as the guest: first for the kernel to kill when memory runs out, behind the supervisor in line for
 * the CPU, no way back to another user or capability, and system calls filtered. Must itself be started with an environment that
 * nobody else chose, because its first programs are still root.
 */
export function lockedDown(guest: Guest, limits: ResourceLimits, dataBytes: number, argv: readonly string[]): string[] {
  const threads = threadLimit(limits);
  const fileBytes = limits.disk_bytes + VISIBLE_EXCESS.bytes;
  const user = String(guest.userId);
  return [
    ...['/usr/bin/nice', '-n', '10', '/usr/bin/choom', '-n', '1000', '--'],
    ...['/usr/bin/setpriv', '--reuid', user, '--regid', user, '--clear-groups', '--no-new-privs'],
    ...['--inh-caps=-all', '--bounding-set=-all', '--seccomp-filter', FILTER_FILE, '--'],
    '/usr/bin/prlimit',
    `--nproc=${threads}:${threads}`,
    `--nofile=${limits.open_files}:${limits.open_files}`,
    `--fsize=${fileBytes}:${fileBytes}`,
    `--data=${dataBytes}:${dataBytes}`,
    ...['--core=0:0', '--msgqueue=0:0', '--memlock=0:0', '--'],
    ...argv,
  ];
}
