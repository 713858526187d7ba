import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { DIGEST_PREFIX, type Manifest, type ResourceLimits } from '../../functions/contracts/manifest.ts';
import { type Health, health, type RunEvent, type RunEventOf, runEvent } from '../../functions/contracts/sandbox-protocol.ts';
import { TICKET_ALGORITHM, TICKET_TYPE, type TicketClaims } from '../../functions/contracts/ticket.ts';
import { buildSandboxImage, type SandboxImage } from '../../sandbox-images/build.ts';

/**
 * Real sandboxes for tests: containers of the real image, tickets signed with a key made here. They are on the engine's ordinary
 * network, with a way to everywhere, so that what refuses a guest a connection is the sandbox itself.
 */

const MEBIBYTE = 1024 * 1024;
export const LIMITS: ResourceLimits = {
  memory_bytes: 512 * MEBIBYTE,
  cpu: 2,
  disk_bytes: 256 * MEBIBYTE,
  processes: 64,
  open_files: 256,
};

const engine = process.env.AIRLOCK_TEST_ENGINE ?? 'podman';
const scratch = mkdtempSync(join(tmpdir(), 'airlock-sandbox-test-'));
const gate = await generateKeyPair(TICKET_ALGORITHM);
const containers = new Set<string>();

function engineEnvironment(): NodeJS.ProcessEnv {
  if (engine !== 'podman') return process.env;
  const file = join(scratch, 'containers.conf');
  writeFileSync(
    file,
    `[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n`,
  );
  return { ...process.env, CONTAINERS_CONF: file };
}
const env = engineEnvironment();

/** The engine's command, for who wants to start it otherwise. */
export const containerCommand = (...args: string[]) => ({ file: engine, args, env });

export async function command(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(engine, args, { env, maxBuffer: 64 * MEBIBYTE });
  return stdout.trim();
}

let image: Promise<SandboxImage> | undefined;

/** Builds what the tests share; the first time on a machine it takes a minute. */
export async function prepareSandboxes(): Promise<SandboxImage> {
  const cacheDir = join(tmpdir(), 'airlock-sandbox-test-cache');
  mkdirSync(cacheDir, { recursive: true });
  image ??= buildSandboxImage({ engine: [engine], env, log: () => {}, cacheDir });
  return image;
}

export async function removeSandboxes(): Promise<void> {
  if (containers.size > 0) await command('rm', '--force', '--time', '0', '--volumes', ...containers).catch(() => '');
  containers.clear();
}

/** Starts a container that `removeSandboxes` ends. */
export async function startContainer(...args: string[]): Promise<string> {
  const container = await command('run', '--detach', ...args);
  containers.add(container);
  return container;
}

export const addressOf = (container: string): Promise<string> =>
  command('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', container);

/** How a container is started: as ECS starts it on Fargate, or as an emulator does that passes on next to nothing. */
export type Shape = 'hardened' | 'fargate' | 'bare';
const SHAPES: Record<Shape, string[]> = {
  hardened: [
    ...['--cap-drop=all', '--cap-add=setuid,setgid,setpcap,kill,chown,dac_override', '--read-only', '--read-only-tmpfs=false'],
    ...['--tmpfs', '/workspace:mode=755,size=512m', '--tmpfs', '/tmp:mode=1777,size=64m', '--tmpfs', '/run:mode=755,size=16m'],
  ],
  fargate: [
    ...['--cap-drop=audit_write,fowner,fsetid,mknod,net_bind_service,net_raw,setfcap,sys_chroot', '--read-only'],
    ...['--read-only-tmpfs=false', '--volume', '/workspace', '--volume', '/tmp'],
  ],
  bare: [],
};

export interface TestSandbox {
  readonly id: string;
  readonly container: string;
  readonly url: string;
  readonly imageId: string;
  readonly manifest: (changes: Partial<Manifest>) => Manifest;
  readonly sign: (bytes: Uint8Array, changes?: Partial<TicketClaims>) => Promise<string>;
  readonly post: (ticket: string, bytes: Uint8Array) => Promise<Response>;
  /** Starts the run; the answer's events are read as they come. */
  readonly start: (changes: Partial<Manifest>, files?: readonly Uint8Array[]) => Promise<StartedRun>;
  /** Runs to the end. */
  readonly run: (changes: Partial<Manifest>, files?: readonly Uint8Array[]) => Promise<Finished>;
  /** Living processes in the container that are not root's. */
  readonly strangers: () => Promise<string[]>;
  /** The most memory the supervisor's process ever had, in bytes. */
  readonly supervisorPeak: () => Promise<number>;
}

export interface StartedRun {
  readonly ticket: string;
  readonly events: AsyncIterableIterator<RunEvent>;
  readonly bearer: { readonly authorization: string };
}

export interface Finished {
  readonly ticket: string;
  readonly events: readonly RunEvent[];
  readonly started: RunEventOf<'started'> | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: RunEventOf<'exit'>;
}

export async function startSandbox(
  options: { shape?: Shape; limits?: ResourceLimits; env?: Record<string, string>; engineOptions?: string[] } = {},
): Promise<TestSandbox> {
  const { tag, imageId } = await prepareSandboxes();
  const id = `sbx_${randomUUID()}`;
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(gate.publicKey)), kid: 'gate', alg: TICKET_ALGORITHM }] });
  const variables = {
    AIRLOCK_SANDBOX_ID: id,
    AIRLOCK_TICKET_JWKS: jwks,
    AIRLOCK_LIMITS: JSON.stringify(options.limits ?? LIMITS),
    ...options.env,
  };
  const container = await startContainer(
    ...SHAPES[options.shape ?? 'hardened'],
    ...(options.engineOptions ?? []),
    ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    tag,
  );
  const url = `http://${await addressOf(container)}:8090`;
  await until(
    async () => (await readHealth(url))?.status === 'idle',
    'the sandbox is idle',
    () => command('logs', container),
  );

  const manifest = (changes: Partial<Manifest>): Manifest => ({
    ...standardManifest(imageId, options.limits ?? LIMITS),
    ...changes,
  });

  async function sign(bytes: Uint8Array, changes: Partial<TicketClaims> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const claims: TicketClaims = {
      jti: randomUUID(),
      execution_id: 'exec_test',
      attempt: 1,
      aud: id,
      digest: createHash('sha256').update(DIGEST_PREFIX).update(bytes).digest('hex'),
      basis: { kind: 'rule', rule: 'test' },
      iat: now,
      exp: now + 120,
      ...changes,
    };
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: TICKET_ALGORITHM, typ: TICKET_TYPE, kid: 'gate' })
      .sign(gate.privateKey);
  }

  const post = (ticket: string, bytes: Uint8Array): Promise<Response> =>
    fetch(`${url}/runs`, {
      method: 'POST',
      body: JSON.stringify({ ticket, manifest_base64: Buffer.from(bytes).toString('base64') }),
    });

  async function start(changes: Partial<Manifest>, files: readonly Uint8Array[] = []): Promise<StartedRun> {
    const bytes = Buffer.from(JSON.stringify(manifest(changes)));
    const ticket = await sign(bytes);
    const bearer = { authorization: `Bearer ${ticket}` };
    for (const file of files) {
      const sha256 = createHash('sha256').update(file).digest('hex');
      const put = await fetch(`${url}/files/${sha256}`, { method: 'PUT', headers: bearer, body: Buffer.from(file) });
      if (put.status !== 201) throw new Error(`PUT answered ${put.status}: ${await put.text()}`);
    }
    const response = await post(ticket, bytes);
    if (response.status !== 200) throw new Error(`POST /runs answered ${response.status}: ${await response.text()}`);
    return { ticket, bearer, events: readEvents(response) };
  }

  async function run(changes: Partial<Manifest>, files: readonly Uint8Array[] = []): Promise<Finished> {
    const { ticket, events } = await start(changes, files);
    return finish(ticket, events);
  }

  async function strangers(): Promise<string[]> {
    const script = `for (const id of require('node:fs').readdirSync('/proc').filter((name) => Number(name) > 1)) try {
      const stat = require('node:fs').readFileSync('/proc/' + id + '/stat', 'latin1');
      const uid = require('node:fs').statSync('/proc/' + id).uid;
      if (uid !== 0) console.log(stat);
    } catch {}`;
    const listing = await command('exec', container, 'node', '-e', script);
    return listing.split('\n').filter((line) => line !== '' && !/\) [ZX] /.test(line));
  }

  async function supervisorPeak(): Promise<number> {
    const script = `for (const id of require('node:fs').readdirSync('/proc').filter((name) => Number(name) > 1)) try {
      if (!require('node:fs').readFileSync('/proc/' + id + '/cmdline', 'latin1').includes('supervisor.mjs')) continue;
      console.log(/VmHWM:\\s+(\\d+) kB/.exec(require('node:fs').readFileSync('/proc/' + id + '/status', 'latin1'))[1]);
    } catch {}`;
    return Math.max(...(await command('exec', container, 'node', '-e', script)).split('\n').map(Number)) * 1024;
  }

  return { id, container, url, imageId, manifest, sign, post, start, run, strangers, supervisorPeak };
}

/** Reads a run's events to the end. */
export async function finish(ticket: string, events: AsyncIterable<RunEvent>): Promise<Finished> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  const exit = all.at(-1);
  if (exit?.type !== 'exit') throw new Error(`The events ended without exit, with ${JSON.stringify(exit)}.`);
  const text = (type: 'stdout' | 'stderr') => all.flatMap((event) => (event.type === type ? [event.text] : [])).join('');
  return {
    ticket,
    events: all,
    started: all.find((event) => event.type === 'started'),
    stdout: text('stdout'),
    stderr: text('stderr'),
    exit,
  };
}

export async function* readEvents(response: Response): AsyncGenerator<RunEvent> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield runEvent.parse(JSON.parse(line));
  }
  if (rest !== '') throw new Error(`The stream ended in the middle of a line: ${rest}`);
}

export async function readHealth(url: string): Promise<Health | undefined> {
  try {
    return health.parse(await (await fetch(`${url}/healthz`)).json());
  } catch {
    return undefined;
  }
}

export async function until(condition: () => Promise<boolean>, what: string, explain?: () => Promise<string>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error(`It never came true that ${what}. ${explain ? await explain() : ''}`);
}

function standardManifest(imageId: string, limits: ResourceLimits): Manifest {
  return {
    version: 1,
    execution_id: 'exec_test',
    requester_id: 'user_test',
    approval_requested: false,
    language: 'python',
    code: '',
    entrypoint: 'main.py',
    args: [],
    stdin: null,
    env: {},
    files: [],
    environment: 'python',
    limits,
    timeout_seconds: 60,
    network: 'none',
    profile: { name: 'standard', content: {} },
    context: {},
    image_id: imageId,
  };
}

/** Tests that are interrupted leave no containers either. */
process.once('exit', () => {
  if (containers.size > 0)
    execFileSync(engine, ['rm', '--force', '--time', '0', '--volumes', ...containers], { env, stdio: 'ignore' });
});
