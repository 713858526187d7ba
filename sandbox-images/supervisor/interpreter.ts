import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync, symlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Language, ResourceLimits } from '../../functions/contracts/manifest.ts';
import { type Guest, guestEnvironment, lockedDown, WORKSPACE } from './guest.ts';
import { dataLimitBytes, type Job, RUNTIMES } from './languages.ts';
import { createGuestPipes } from './pipes.ts';

export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** An interpreter that has started, locked down, and waits to be told of its job. */
export interface Interpreter {
  readonly language: Language;
  readonly limits: ResourceLimits;
  readonly processId: number;
  readonly stdout: Socket;
  readonly stderr: Socket;
  readonly ended: Promise<Ending>;
  readonly hasEnded: () => boolean;
  /** Lets it run the job, whose files must be in place. Standard input ends after `stdin`. */
  readonly release: (job: Job, stdin: string | null) => void;
}

export interface InterpreterOptions {
  readonly language: Language;
  readonly entrypoint: string;
  readonly limits: ResourceLimits;
  readonly guest: Guest;
  readonly warm: boolean;
  /** Of root alone but for passing through: pipes are made and the link to the script lies here. */
  readonly privateDirectory: string;
}

const START_MILLISECONDS = 60_000;

/** Starts an interpreter and returns once it waits for its job. Throws if it ends before. */
export async function startInterpreter(options: InterpreterOptions): Promise<Interpreter> {
  const { language, limits, guest, entrypoint, warm, privateDirectory } = options;
  const runtime = RUNTIMES[language];
  const pipes = await createGuestPipes(privateDirectory);
  const entryLink = `${privateDirectory}/${randomUUID()}`;
  const argv = runtime.command({ limits, entrypoint, entryLink, warm });
  const [command = '', ...args] = lockedDown(guest, limits, dataLimitBytes(language, limits), argv);
  const { stdin, stdout, stderr } = pipes.guestEnds;
  const child = spawn(command, args, {
    // Fixed values only: the first programs of the chain run as root.
    env: guestEnvironment(),
    cwd: WORKSPACE,
    detached: true,
    stdio: [stdin, stdout, stderr, 'pipe'],
  });
  pipes.closeGuestEnds();
  let over = false;
  const ended = new Promise<Ending>((resolve) => {
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    child.once('error', () => resolve({ exitCode: null, signal: null }));
  }).finally(() => {
    over = true;
  });
  const control = child.stdio[3];
  if (!(control instanceof Duplex)) throw new Error(`${language} could not be started.`);
  const impatience = setTimeout(() => child.kill('SIGKILL'), START_MILLISECONDS);
  // Both may find their reader gone, which is the guest's own affair.
  control.on('error', () => {});
  pipes.stdin.on('error', () => {});
  await Promise.race([
    new Promise((resolve) => control.once('data', resolve)),
    ended.then(({ exitCode, signal }) => {
      throw new Error(`${language} ended before its job (exit code ${exitCode}, signal ${signal}).`);
    }),
  ]).finally(() => clearTimeout(impatience));

  return {
    language,
    limits,
    processId: child.pid ?? 0,
    stdout: pipes.stdout,
    stderr: pipes.stderr,
    ended,
    hasEnded: () => over,
    release: (job, input) => {
      symlinkSync(`${WORKSPACE}/${job.entrypoint}`, entryLink);
      control.end(runtime.message(job));
      pipes.stdin.end(input ?? '');
      ended.finally(() => rmSync(entryLink, { force: true }));
    },
  };
}
