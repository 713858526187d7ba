import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { binaryDirectory } from './instance.ts';

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutSeconds?: number;
  /** Everything the command prints is appended to this file. */
  readonly logFile?: string;
  /** Aborting it ends the command. */
  readonly signal?: AbortSignal;
}

/** Runs a command to its end and gives back what it said. A command that cannot be started ends with 127, as in a shell. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const log = options.logFile === undefined ? 'pipe' : openSync(options.logFile, 'a', 0o600);
    const child = spawn(command, args, {
      env: options.env ?? childEnvironment(),
      cwd: options.cwd,
      stdio: ['ignore', log, log],
      timeout: options.timeoutSeconds === undefined ? undefined : options.timeoutSeconds * 1000,
      signal: options.signal,
    });
    if (typeof log === 'number') closeSync(log);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => resolve({ exitCode: 127, stdout, stderr: error.message }));
    child.on('close', (code) => resolve({ exitCode: code ?? 1, stdout, stderr }));
  });
}

/** Runs a command in the foreground: its output is the user's. Gives back its exit code; aborting the signal ends it. */
export function runVisibly(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd?: string,
  signal?: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd, signal, stdio: 'inherit' });
    child.on('error', (error) => (error.name === 'AbortError' ? undefined : reject(error)));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** The caller's environment without anything that points AWS tools elsewhere, and with the project's programs first. */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_') && !name.startsWith('CDK_'));
  const path = (process.env.PATH ?? '').split(':').filter((entry) => entry !== binaryDirectory);
  return {
    ...Object.fromEntries(inherited),
    PATH: [binaryDirectory, ...path].join(':'),
    NO_PROXY: [process.env.NO_PROXY, '127.0.0.1', 'localhost'].filter(Boolean).join(','),
    no_proxy: [process.env.no_proxy, '127.0.0.1', 'localhost'].filter(Boolean).join(','),
    ...extra,
  };
}

/** The end of a log, for a message that must show why something failed. */
export function tailOf(file: string, lines = 15): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
