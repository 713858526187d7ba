import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalCloudFailure } from './failure.ts';
import { binaryDirectory, projectDirectory, sharedDirectory } from './instance.ts';
import { say, step } from './progress.ts';
import { childEnvironment, run } from './run.ts';

/** What must be on the machine, and the Debian package that brings it. */
const programs: Readonly<Record<string, string>> = {
  'redis-server': 'redis-server',
  mmdebstrap: 'mmdebstrap',
};

const podmanPrograms: Readonly<Record<string, string>> = {
  podman: 'podman',
  runc: 'runc',
  ip: 'iproute2',
  iptables: 'iptables',
  'fuse-overlayfs': 'fuse-overlayfs',
};

export type EngineKind = 'podman' | 'docker';

export const virtualEnvironment = join(sharedDirectory, 'venv');
const requirements = join(import.meta.dirname, 'requirements.txt');

/** Brings what is missing: Debian packages, Node 24 (by npm, done before), the emulator. Quick when all is there. */
export async function preparePrerequisites(): Promise<EngineKind> {
  await requireNode24();
  const engine = (await isOnPath('podman')) || !(await dockerWorks()) ? 'podman' : 'docker';
  if (engine === 'docker') {
    say('Docker is used: sandboxes get no read-only root, dropped capabilities or limits from it. Install podman for those.');
  }
  await installDebianPackages(engine === 'podman' ? { ...programs, ...podmanPrograms } : programs);
  await installEmulator();
  return engine;
}

/** What tests of pages need: a browser, 300 MB of it, which nothing else here wants. */
export const prepareBrowser = (): Promise<void> => installDebianPackages({ chromium: 'chromium' });

async function requireNode24(): Promise<void> {
  const { stdout } = await run(join(binaryDirectory, 'node'), ['--version']);
  if (!stdout.startsWith('v24.')) {
    throw new LocalCloudFailure(
      `node_modules/.bin/node should be Node 24; it is ${stdout.trim() || 'missing'}. Delete node_modules and run again.`,
    );
  }
}

const isOnPath = async (program: string): Promise<boolean> =>
  (await run('sh', ['-c', `command -v "$1"`, 'sh', program])).exitCode === 0;

const dockerWorks = async (): Promise<boolean> =>
  (await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeoutSeconds: 10 })).exitCode === 0;

async function installDebianPackages(wanted: Readonly<Record<string, string>>): Promise<void> {
  const present = await Promise.all(Object.keys(wanted).map(async (program) => [program, await isOnPath(program)] as const));
  const missing = present.filter(([, isPresent]) => !isPresent).map(([program]) => program);
  if (missing.length === 0) return;
  const packages = missing.flatMap((program) => wanted[program] ?? []);
  if (missing.includes('podman')) packages.push(...(await networkPackages()));
  await aptInstall(packages);
}

/** podman only recommends the programs that make its networks: plugins up to version 4, netavark from 5 on. */
async function networkPackages(): Promise<string[]> {
  await refreshPackageLists();
  const { stdout } = await run('apt-cache', ['policy', 'podman']);
  const majorVersion = Number(/Candidate: (?:\d+:)?(\d+)\./.exec(stdout)?.[1] ?? 5);
  return majorVersion < 5 ? ['containernetworking-plugins'] : ['netavark', 'aardvark-dns'];
}

let listsAreFresh = false;
async function refreshPackageLists(): Promise<void> {
  if (listsAreFresh) return;
  if (!(await isOnPath('apt-get'))) {
    throw new LocalCloudFailure(
      `This system has no apt-get. Airlock installs its tools on Debian and Ubuntu; elsewhere install them first: ` +
        `${Object.keys({ ...programs, ...podmanPrograms }).join(', ')}.`,
    );
  }
  await step('Read the lists of Debian packages', () => apt(['update']));
  listsAreFresh = true;
}

async function aptInstall(packages: readonly string[]): Promise<void> {
  await refreshPackageLists();
  await step(`Install Debian packages: ${packages.join(' ')}`, () =>
    apt(['install', '-y', '--no-install-recommends', ...packages]),
  );
}

/** Services that a package brings must not start by themselves: Airlock runs its own redis-server. */
async function apt(args: readonly string[]): Promise<void> {
  const outcome = await run('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: { ...childEnvironment(), DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
  if (outcome.exitCode !== 0) {
    throw new LocalCloudFailure(`apt-get ${args.join(' ')} failed:\n${outcome.stderr.trim() || outcome.stdout.slice(-2000)}`);
  }
}

/** The emulator lives in a virtual environment of the project; a stamp says which requirements it was made from. */
async function installEmulator(): Promise<void> {
  const stamp = join(virtualEnvironment, 'requirements.sha256');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const python = process.env.AIRLOCK_PYTHON ?? 'python3';
  if ((await run(python, ['-c', 'import venv, ensurepip'])).exitCode !== 0) await aptInstall(['python3-venv']);
  await step('Install the AWS emulator into .airlock/venv', async () => {
    rmSync(virtualEnvironment, { recursive: true, force: true });
    await must(python, ['-m', 'venv', virtualEnvironment]);
    await must(join(virtualEnvironment, 'bin', 'pip'), ['install', '--quiet', '--requirement', requirements]);
    writeFileSync(stamp, wanted);
  });
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const outcome = await run(command, args, { cwd: projectDirectory });
  if (outcome.exitCode !== 0) {
    throw new LocalCloudFailure(
      `${command} ${args.join(' ')} failed:\n${(outcome.stderr || outcome.stdout).trim().slice(-3000)}`,
    );
  }
}
