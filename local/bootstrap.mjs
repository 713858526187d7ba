#!/usr/bin/env node
// The first thing that runs on a fresh machine: plain JavaScript for Node 20 and later, without a single dependency. It brings the
// npm packages (and with them Node 24), then hands over to main.ts. Everything after that may use TypeScript and packages.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const binaries = join(project, 'node_modules', '.bin');
const [command = 'help', ...rest] = process.argv.slice(2);

requireNode(20);
if (['start', 'test', 'bench'].includes(command)) {
  requireLinuxAndRoot();
  requirePython(3, 11);
}
if (!packagesAreInstalled()) installPackages();

const childEnvironment = { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}` };
if (command === 'exec') hand(rest[0] ?? fail('exec needs a command, for example: npm run local -- exec vitest'), rest.slice(1));
else hand(join(binaries, 'node'), [join(project, 'local', 'main.ts'), command, ...rest]);

/** Runs the command in place of this process: same terminal, same signals, same exit code. */
function hand(program, args) {
  const child = spawn(program, args, { stdio: 'inherit', env: childEnvironment });
  // A terminal sends Ctrl-C to both; the child decides what it means, and this process only waits for it.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${program} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + (osConstants.signals[signal] ?? 0) : (code ?? 1)));
}

function requireNode(oldest) {
  const version = process.versions.node;
  if (Number(version.split('.')[0]) < oldest) {
    fail(`Airlock needs Node.js ${oldest} or later to start; this is ${version}. (It brings Node 24 for itself.)`);
  }
}

function requireLinuxAndRoot() {
  if (process.platform !== 'linux') {
    fail(`Airlock runs its sandboxes in Linux containers; this is ${process.platform}. Use a Debian or Ubuntu machine or VM.`);
  }
  if (process.getuid?.() !== 0) {
    fail('Airlock needs root, to install Debian packages and to start containers. Try: sudo npm start');
  }
}

/** Finds a Python that is new enough and tells main.ts about it through AIRLOCK_PYTHON. */
function requirePython(major, minor) {
  const names = [
    process.env.AIRLOCK_PYTHON,
    'python3',
    'python3.14',
    'python3.13',
    'python3.12',
    'python3.11',
    '/usr/bin/python3',
  ];
  const seen = [];
  for (const name of names.filter(Boolean)) {
    const answer = spawnSync(name, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' });
    if (answer.status !== 0) continue;
    const [foundMajor, foundMinor] = answer.stdout.trim().split('.').map(Number);
    if (foundMajor === major && foundMinor >= minor) {
      process.env.AIRLOCK_PYTHON = name;
      return;
    }
    seen.push(`${name} is ${answer.stdout.trim()}`);
  }
  const found = seen.length > 0 ? seen.join(', ') : 'none was found';
  fail(`Airlock needs Python ${major}.${minor} or later (${found}). On Debian 12 or Ubuntu 24.04: apt-get install python3`);
}

/** npm writes node_modules/.package-lock.json last, so it tells what is really there, also after an installation was cut short. */
function packagesAreInstalled() {
  try {
    accessSync(join(binaries, 'node'), constants.X_OK);
    const wanted = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')).packages;
    const installed = JSON.parse(readFileSync(join(project, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
    );
  } catch {
    return false;
  }
}

/**
 * `npm ci` refuses a lock file that does not list every optional package of every other platform, as one made behind a registry that
 * lacks some of them. Installing by the same lock file, and leaving it as it is, brings the same versions.
 */
function installPackages() {
  console.error('Installing npm packages (once, about half a minute) …');
  const quiet = { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  const strict = spawnSync('npm', ['ci', '--no-fund', '--no-audit'], quiet);
  if (strict.error) fail(`npm cannot be started: ${strict.error.message}`);
  if (strict.status !== 0) {
    const tolerant = spawnSync('npm', ['install', '--no-save', '--no-fund', '--no-audit'], quiet);
    if (tolerant.status !== 0) fail(`npm could not install the packages:\n${strict.stderr}\n${tolerant.stderr}`);
  }
  if (!existsSync(join(binaries, 'node'))) {
    fail('npm left no node_modules/.bin/node. Were install scripts switched off (ignore-scripts)?');
  }
}

function fail(message) {
  console.error(`airlock: ${message}`);
  process.exit(1);
}
