import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCloudFailure } from './failure.ts';
import { type Instance, writePrivateFile } from './instance.ts';
import { identify, isRunning, type ProcessIdentity, processesWith } from './process-identity.ts';
import { tailOf } from './run.ts';
import { until } from './wait.ts';

/** A part that runs on after the command that started it has ended. */
export interface Daemon {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly readyWithinSeconds: number;
  readonly stopWithinSeconds: number;
  isReady(): Promise<boolean>;
}

/** Each process of a part carries this variable, and so do its children; leftovers are found by it, never by their name. */
const ownerVariable = 'AIRLOCK_PART';
const ownerMark = (instance: Instance, name: string): string => `${instance.directory}:${name}`;

const pidFile = (instance: Instance, name: string): string => join(instance.directory, 'run', `${name}.pid`);
const logFile = (instance: Instance, name: string): string => join(instance.logsDirectory, `${name}.log`);

/** Starts the part and waits until it is ready; does nothing when it already is. */
export async function startDaemon(instance: Instance, daemon: Daemon): Promise<'started' | 'was running'> {
  if (runningDaemon(instance, daemon.name) !== undefined && (await daemon.isReady())) return 'was running';
  await stopDaemon(instance, daemon.name, daemon.stopWithinSeconds);

  const log = logFile(instance, daemon.name);
  mkdirSync(instance.logsDirectory, { recursive: true });
  const output = openSync(log, 'a', 0o600);
  const child = spawn(daemon.command, daemon.args, {
    cwd: instance.directory,
    detached: true,
    env: { ...daemon.env, [ownerVariable]: ownerMark(instance, daemon.name) },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const spawnFailure = new Promise<Error>((resolve) => child.once('error', resolve));
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined) {
    const error = await Promise.race([spawnFailure, sleep(200, undefined)]);
    throw new LocalCloudFailure(`${daemon.name} could not be started: ${error?.message ?? tailOf(log)}`);
  }
  child.unref();
  writePrivateFile(pidFile(instance, daemon.name), JSON.stringify(identity));

  const answer = await until({ withinSeconds: daemon.readyWithinSeconds }, async () => {
    if (!isRunning(identity)) return 'ended';
    return (await daemon.isReady()) ? 'ready' : undefined;
  });
  if (answer === 'ready') return 'started';
  await stopDaemon(instance, daemon.name, 5);
  const what = answer === 'ended' ? 'ended at once' : `was not ready after ${daemon.readyWithinSeconds} s`;
  throw new LocalCloudFailure(`${daemon.name} ${what}. The end of ${log}:\n${tailOf(log)}`);
}

/** Asks the part to end, waits, then ends it and whatever it left behind. Safe when it is not running. */
export async function stopDaemon(instance: Instance, name: string, withinSeconds: number): Promise<void> {
  const running = runningDaemon(instance, name);
  if (running !== undefined) {
    process.kill(running.pid, 'SIGTERM');
    await until({ withinSeconds }, async () => (isRunning(running) ? undefined : true));
  }
  await until({ withinSeconds: 5 }, async () => {
    const left = processesWith(ownerVariable, ownerMark(instance, name)).filter((pid) => identify(pid) !== undefined);
    for (const pid of left) killQuietly(pid);
    return left.length === 0 ? true : undefined;
  });
  rmSync(pidFile(instance, name), { force: true });
}

/** The running process of a part; `undefined` when it never ran, ended, or its number belongs to another process now. */
export function runningDaemon(instance: Instance, name: string): ProcessIdentity | undefined {
  try {
    const recorded = JSON.parse(readFileSync(pidFile(instance, name), 'utf8')) as ProcessIdentity;
    return isRunning(recorded) ? recorded : undefined;
  } catch {
    return undefined;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended between the look and the signal.
  }
}
