/** What the isolation tests share: runs through the API, containers that lack one of the walls, and something to be reached. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionResult } from '../../../functions/contracts/execution.ts';
import { addressOf, command, containerCommand, prepareSandboxes, startContainer } from '../../sandbox/support.ts';
import { run, type Submission } from '../../support/airlock.ts';

const programs = join(import.meta.dirname, 'programs');
export const program = (name: string): string => readFileSync(join(programs, name), 'utf8');

/** Runs a program that answers with JSON on standard output, through the API. */
export async function runForJson<T>(request: Submission): Promise<{ result: ExecutionResult; answer: T }> {
  const result = await run(request);
  try {
    return { result, answer: JSON.parse(result.output) as T };
  } catch {
    throw new Error(
      `The program did not answer: ${JSON.stringify([result.error, result.output.slice(-2000), result.error_output.slice(-2000)])}`,
    );
  }
}

/** The address of this machine that is not its own business alone. */
export function hostAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((one) => one !== undefined && one.family === 'IPv4' && !one.internal);
  if (!found) throw new Error('this machine has no address but loopback');
  return found.address;
}

/** `bare`: no filter and the engine's own one off too; `filtered`: nothing but our filter. Both as root. */
export type Walls = 'bare' | 'filtered';

export interface Container {
  readonly walls: Walls;
  readonly network: string;
  readonly options?: readonly string[];
  /** Runs first and gets the rest as its arguments, without a filter. */
  readonly before?: readonly string[];
}

/** Runs a command of the sandbox image in a container of its own, and returns what it printed. */
export async function runInContainer(container: Container, program: readonly string[], stdin: string): Promise<string> {
  const { tag } = await prepareSandboxes();
  const { walls, network, options = [], before = [] } = container;
  const filter = ['/usr/bin/setpriv', '--no-new-privs', '--seccomp-filter', '/usr/lib/airlock/guest.bpf', '--'];
  const { file, args, env } = containerCommand(
    ...['run', '--rm', '--interactive', '--network', network, '--security-opt', 'seccomp=unconfined', '--cap-add=net_raw'],
    ...['--volume', `${programs}:/programs:ro`, ...options, '--entrypoint', '/usr/bin/env', tag],
    ...before,
    ...(walls === 'filtered' ? filter : []),
    ...program,
  );
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  child.stdin.end(stdin);
  await once(child, 'close');
  return text;
}

/** Something that answers on every kind of socket, and knows what arrived. */
export interface Target {
  readonly address: string;
  readonly tcp: number;
  readonly udp: number;
  /** Of its abstract socket. */
  readonly name: string;
  /** Holds its other socket, `outside`. */
  readonly directory: string;
  readonly arrived: () => ReadonlySet<string>;
  readonly stop: () => Promise<void>;
}

export async function startTarget(): Promise<Target> {
  const { tag } = await prepareSandboxes();
  const directory = mkdtempSync(join(tmpdir(), 'airlock-outside-'));
  const given = { address: hostAddress(), tcp: 20_000 + (process.pid % 5000) * 2, udp: 20_001 + (process.pid % 5000) * 2 };
  const name = `airlock-${process.pid}`;
  const container = `airlock-target-${process.pid}`;
  const { file, args, env } = containerCommand(
    ...['run', '--rm', '--name', container, '--network', 'host', '--security-opt', 'seccomp=unconfined'],
    ...['--volume', `${programs}:/programs:ro`, '--volume', `${directory}:/outside`, '--entrypoint', '/usr/bin/python3', tag],
    ...['/programs/target.py', JSON.stringify({ ...given, name, directory: '/outside' })],
  );
  const child: ChildProcess = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const arrived = new Set<string>();
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the target ended with ${code}`)));
    if (child.stdout)
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'ready') resolve();
        else arrived.add(line.replace('arrived ', ''));
      });
  });
  return {
    ...given,
    name,
    directory,
    arrived: () => arrived,
    stop: async () => {
      await command('rm', '--force', '--time', '0', container).catch(() => '');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Another container on a network, which listens where a sandbox's supervisor does; `removeSandboxes` ends it. Returns its address. */
export async function startNeighbour(network: string): Promise<string> {
  const { tag } = await prepareSandboxes();
  const container = await startContainer(
    '--network',
    network,
    '--entrypoint',
    '/usr/bin/python3',
    tag,
    '-m',
    'http.server',
    '8090',
  );
  return addressOf(container);
}
