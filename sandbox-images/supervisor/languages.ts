import type { Language, Manifest, ResourceLimits } from '../../functions/contracts/manifest.ts';
import { guestEnvironment, threadLimit, WORKSPACE } from './guest.ts';

/** How an interpreter is started so that it waits for its job, and what it is told when the job comes. */
interface LanguageRuntime {
  /** The script a program gets when its caller named none; an interpreter that must know its script from the start waits for this one. */
  readonly standardEntrypoint: string;
  readonly takesAnyEntrypoint: boolean;
  readonly command: (start: InterpreterStart) => string[];
  /** RLIMIT_DATA counts what an interpreter reserves without using it: so much more than the memory limit. */
  readonly reservedBytes: number;
  readonly message: (job: Job) => string;
}

export interface InterpreterStart {
  readonly limits: ResourceLimits;
  readonly entrypoint: string;
  /** A symbolic link that will point to the script by the time the interpreter is told of its job. */
  readonly entryLink: string;
  /** Whether there is time to load what programs will probably want. */
  readonly warm: boolean;
}

export interface Job {
  readonly entrypoint: string;
  readonly args: readonly string[];
  /** Besides what every guest process has. */
  readonly variables: Readonly<Record<string, string>>;
}

const MEBIBYTE = 1024 * 1024;

/** Below the memory limit, so that a program with a leak ends with V8's own report where it can. */
const heapMebibytes = (limits: ResourceLimits): number => Math.max(16, Math.floor((limits.memory_bytes / MEBIBYTE) * 0.8));

const jsonMessage = ({ args, variables }: Job): string =>
  `${JSON.stringify({ args, env: { ...guestEnvironment(), ...variables }, directory: WORKSPACE })}\n`;

export const RUNTIMES: Record<Language, LanguageRuntime> = {
  python: {
    standardEntrypoint: 'main.py',
    takesAnyEntrypoint: false,
    command: ({ entrypoint, warm }) => [
      ...['/usr/bin/python3', '-u', '-X', warm ? 'airlock=warm' : 'airlock=cold'],
      `${WORKSPACE}/${entrypoint}`,
    ],
    reservedBytes: 128 * MEBIBYTE,
    message: jsonMessage,
  },
  nodejs: {
    standardEntrypoint: 'main.mjs',
    takesAnyEntrypoint: true,
    command: ({ limits, entryLink }) => [
      ...['/usr/local/bin/node', `--max-old-space-size=${heapMebibytes(limits)}`],
      ...['--disable-warning=ExperimentalWarning', '-r', '/usr/lib/airlock/wait.cjs', entryLink],
    ],
    reservedBytes: 768 * MEBIBYTE,
    message: jsonMessage,
  },
  bash: {
    standardEntrypoint: 'main.sh',
    takesAnyEntrypoint: true,
    command: () => ['/usr/bin/bash', '/usr/lib/airlock/wait.sh'],
    reservedBytes: 128 * MEBIBYTE,
    message: ({ entrypoint, args, variables }) => {
      const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
      return [String(assignments.length), ...assignments, entrypoint, ...args].map((part) => `${part}\0`).join('');
    },
  },
  sql: {
    standardEntrypoint: 'main.sql',
    takesAnyEntrypoint: true,
    command: ({ limits }) => [
      ...['/usr/local/bin/node', `--max-old-space-size=${heapMebibytes(limits)}`],
      ...['--disable-warning=ExperimentalWarning', '/usr/lib/airlock/sql.mjs'],
    ],
    reservedBytes: 768 * MEBIBYTE,
    message: ({ entrypoint }) => `${JSON.stringify({ script: entrypoint, directory: WORKSPACE })}\n`,
  },
};

/** What the C library reserves for the stack of a thread, of which little is ever used. */
const STACK_BYTES = 8 * MEBIBYTE;

/**
 * The ceiling of one process's private memory: a backstop for what grows faster than the supervisor looks. A program that starts too
 * many threads must not meet it first, because the result says which limit was hit.
 */
export const dataLimitBytes = (language: Language, limits: ResourceLimits): number =>
  Math.ceil(limits.memory_bytes * 1.25) + RUNTIMES[language].reservedBytes + threadLimit(limits) * STACK_BYTES;

/**
 * Whether an interpreter that was started under `started` may run this job. Memory, CPU, disk and processes are also held by the
 * supervisor's own watch, so less of them is no obstacle; the limit of open files holds only from the start of a process.
 */
export function fitsPrestarted(manifest: Manifest, started: ResourceLimits): boolean {
  const { language, entrypoint, limits } = manifest;
  const runtime = RUNTIMES[language];
  return (
    (runtime.takesAnyEntrypoint || entrypoint === runtime.standardEntrypoint) &&
    limits.open_files === started.open_files &&
    limits.memory_bytes <= started.memory_bytes &&
    limits.disk_bytes <= started.disk_bytes &&
    limits.processes <= started.processes
  );
}
