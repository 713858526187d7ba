import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A container engine's command line. */
export interface Engine {
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
}

/** Runs an engine's command and logs what it says; throws with its last lines if it fails. */
export async function execute(engine: Engine, args: readonly string[]): Promise<void> {
  const lastLines: string[] = [];
  const exitCode = await runToEnd([...engine.command, ...args], engine.env, (line) => {
    engine.log(line);
    lastLines.push(line);
    if (lastLines.length > 20) lastLines.shift();
  });
  if (exitCode === 0) return;
  throw new Error(`${engine.command.join(' ')} ${args[0]} ended with ${exitCode}:\n${lastLines.join('\n')}`);
}

export async function succeeds(engine: Engine, args: readonly string[], timeoutSeconds = 60): Promise<boolean> {
  const ignore = (): void => {};
  return (await runToEnd([...engine.command, ...args], engine.env, ignore, timeoutSeconds)) === 0;
}

/** The exit code, or null if the command could not be started or took too long. */
export function runToEnd(
  [command = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  onLine: (line: string) => void,
  timeoutSeconds?: number,
): Promise<number | null> {
  return new Promise((resolve) => {
    const timeout = timeoutSeconds === undefined ? {} : { timeout: timeoutSeconds * 1000 };
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...timeout });
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
    child.on('error', (error) => {
      onLine(`${command}: ${error.message}`);
      resolve(null);
    });
    child.on('close', (exitCode) => resolve(exitCode));
  });
}
