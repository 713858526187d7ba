import { mkdirSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { type Daemon, startDaemon, stopDaemon } from '../daemon.ts';
import { ensureSandboxNetwork, removeSandboxNetwork } from '../engine/sandbox-network.ts';
import { writeSandboxRuntime } from '../engine/sandbox-runtime.ts';
import { LocalCloudFailure } from '../failure.ts';
import { type Instance, writePrivateFile } from '../instance.ts';
import type { EngineKind } from '../prerequisites.ts';
import { childEnvironment, run } from '../run.ts';

/** The container engine, as the emulator and the image build reach it. */
export interface Engine {
  readonly kind: EngineKind;
  /** DOCKER_HOST for those who speak Docker's protocol. */
  readonly dockerHost: string;
  /** The command line of the engine, for building images. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly network: string;
}

export const engineName = 'engine';
const stopWithinSeconds = 10;

export async function startEngine(instance: Instance, kind: EngineKind): Promise<Engine> {
  const engine = describeEngine(instance, kind);
  if (kind === 'podman') writeConfigurations(instance, engine);
  await ensureSandboxNetwork(engine);
  if (kind === 'podman') await startDaemon(instance, podmanService(instance, engine));
  return engine;
}

export async function stopEngine(instance: Instance, kind: EngineKind): Promise<void> {
  await stopDaemon(instance, engineName, stopWithinSeconds);
  if (kind === 'podman') rmSync(podmanSocket(instance), { force: true });
}

/**
 * podman is told which network to use; Docker is not ours to configure. There the emulator is made to believe that it runs in a container
 * on the sandbox network, because it starts tasks on the network it finds itself in. Returns that container's name.
 */
export async function startNetworkAnchor(engine: Engine, imageTag: string): Promise<string | undefined> {
  if (engine.kind === 'podman') return undefined;
  const name = `${engine.network}-anchor`;
  const started = await run(
    engine.kind,
    ['run', '--detach', '--name', name, '--network', engine.network, '--entrypoint', 'sleep', imageTag, 'infinity'],
    { env: engine.env },
  );
  if (started.exitCode !== 0) throw new LocalCloudFailure(`The sandbox network could not be prepared: ${started.stderr.trim()}`);
  return name;
}

/** Containers of this instance that outlived their emulator. Others are never touched. */
export async function removeLeftoverContainers(instance: Instance, kind: EngineKind): Promise<void> {
  const engine = describeEngine(instance, kind);
  const list = await run(kind, ['ps', '--all', '--quiet', '--filter', `network=${engine.network}`], { env: engine.env });
  const containers = list.stdout.split('\n').filter(Boolean);
  if (list.exitCode === 0 && containers.length > 0) {
    await run(kind, ['rm', '--force', '--volumes', ...containers], { env: engine.env });
  }
}

export const removeNetwork = (instance: Instance, kind: EngineKind) => removeSandboxNetwork(describeEngine(instance, kind));

function describeEngine(instance: Instance, kind: EngineKind): Engine {
  return {
    kind,
    dockerHost:
      kind === 'podman' ? `unix://${podmanSocket(instance)}` : (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'),
    command: [kind],
    env: childEnvironment(kind === 'podman' ? { CONTAINERS_CONF: buildConfigurationFile(instance) } : {}),
    network: instance.id,
  };
}

/** A unix socket's path has room for 107 characters; a project deep in a tree has to put it elsewhere. */
function podmanSocket(instance: Instance): string {
  const wanted = join(instance.directory, 'run', 'engine.sock');
  return wanted.length <= 100 ? wanted : `/run/${instance.id}.sock`;
}

const buildConfigurationFile = (instance: Instance): string => join(instance.directory, 'engine', 'build.conf');
const sandboxConfigurationFile = (instance: Instance): string => join(instance.directory, 'engine', 'sandboxes.conf');

/**
 * runc and cgroupfs because crun refuses the mixed cgroup hierarchies that some machines still have; limits below those of the host,
 * because podman's own may be above them, and then no container starts.
 */
const engineSettings = `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
`;

/**
 * Two configurations: images are built as usual; sandboxes start under the wrapped runtime, on the network without a route. The wrapper
 * goes by the name of what it wraps, so that podman can stop and remove these containers also without this configuration.
 */
function writeConfigurations(instance: Instance, engine: Engine): void {
  const directory = join(instance.directory, 'engine');
  mkdirSync(directory, { recursive: true });
  const runtime = writeSandboxRuntime(directory);
  writePrivateFile(buildConfigurationFile(instance), engineSettings);
  writePrivateFile(
    sandboxConfigurationFile(instance),
    `${engineSettings}
[engine.runtimes]
runc = ["${runtime}"]

[network]
default_network = "${engine.network}"
`,
  );
}

function podmanService(instance: Instance, engine: Engine): Daemon {
  const socket = podmanSocket(instance);
  mkdirSync(join(instance.directory, 'run'), { recursive: true, mode: 0o700 });
  return {
    name: engineName,
    command: 'podman',
    args: ['system', 'service', '--time=0', `unix://${socket}`],
    env: { ...engine.env, CONTAINERS_CONF: sandboxConfigurationFile(instance) },
    readyWithinSeconds: 30,
    stopWithinSeconds,
    isReady: () => answersPing(socket),
  };
}

function answersPing(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ socketPath, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
