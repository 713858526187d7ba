import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runningDaemon } from './daemon.ts';
import { deploy } from './deploy.ts';
import { type Instance, instanceDirectory, prepareInstance } from './instance.ts';
import { edgeName, requireEdgePort, startEdge, stopEdge } from './parts/edge.ts';
import { emulatorName, startEmulator, stopEmulator } from './parts/emulator.ts';
import {
  engineName,
  removeLeftoverContainers,
  removeNetwork,
  startEngine,
  startNetworkAnchor,
  stopEngine,
} from './parts/engine.ts';
import { inboxName, startInbox, stopInbox } from './parts/inbox.ts';
import { startValkey, stopValkey, valkeyName } from './parts/valkey.ts';
import { type EngineKind, preparePrerequisites } from './prerequisites.ts';
import { step as showStep } from './progress.ts';
import { run } from './run.ts';
import { buildImage } from './sandbox-image.ts';
import { seedUsers } from './users.ts';
import { waitForIdleSandbox, wakeFunctions } from './wake.ts';

export const partNames = [engineName, valkeyName, inboxName, emulatorName, edgeName] as const;

/** Brings the whole instance up, from whatever state it is in, and returns when a job could run. */
export async function startInstance(name: string, interruption?: AbortSignal): Promise<Instance> {
  const step: typeof showStep = (title, work) => {
    interruption?.throwIfAborted();
    return showStep(title, work);
  };
  const engineKind = await preparePrerequisites();
  const instance = await prepareForStart(name);

  const engine = await step('Start the container engine', () => startEngine(instance, engineKind));
  const image = await step('Build the sandbox image', () => buildImage(instance, engine));
  await step('Start redis-server', () => startValkey(instance));
  await step('Start the inbox', () => startInbox(instance));
  if (!instance.isEmulatorForeign) {
    await step('Start the AWS emulator', async () => {
      if (runningDaemon(instance, emulatorName) !== undefined) return;
      await removeLeftoverContainers(instance, engineKind);
      await startEmulator(instance, engine, await startNetworkAnchor(engine, image.tag));
    });
  }
  const outputs = await step('Deploy', () => deploy(instance, image));
  await step('Start the edge', () =>
    startEdge(instance, {
      port: instance.ports.edge,
      emulatorUrl: instance.emulatorUrl,
      frontDoorSecret: instance.frontDoorSecret,
      httpApiId: outputs.HttpApiId,
      webSocketApiId: outputs.WebSocketApiId,
      webSocketStage: outputs.WebSocketStage,
    }),
  );
  await step('Make the users', () => seedUsers(instance, outputs));
  await step('Wake keeper and reconciler', () => wakeFunctions(instance, outputs));
  await step('Wait for a sandbox', () => waitForIdleSandbox(instance));
  return instance;
}

/** Ends all parts, the emulator with time to write its state down, and removes the containers. Safe in any state. */
export async function stopInstance(instance: Instance): Promise<void> {
  await showStep('Stop the edge', () => stopEdge(instance));
  await showStep('Stop the AWS emulator (it saves its state)', () => stopEmulator(instance));
  await showStep('Stop the inbox', () => stopInbox(instance));
  await showStep('Stop redis-server', () => stopValkey(instance));
  await showStep('Stop the container engine', async () => {
    const engineKind = await engineInUse();
    await removeLeftoverContainers(instance, engineKind);
    await stopEngine(instance, engineKind);
  });
}

/** Stops the instance and forgets everything it held. */
export async function resetInstance(instance: Instance): Promise<void> {
  await stopInstance(instance);
  await removeNetwork(instance, await engineInUse());
  rmSync(instance.directory, { recursive: true, force: true });
}

const engineInUse = async (): Promise<EngineKind> => ((await run('podman', ['--version'])).exitCode === 0 ? 'podman' : 'docker');

async function prepareForStart(name: string): Promise<Instance> {
  const partOf = { edge: edgeName, emulator: emulatorName, valkey: valkeyName, inbox: inboxName, smtp: inboxName };
  const instance = await prepareInstance(name, (earlier, port) => runningDaemon(earlier, partOf[port]) !== undefined);
  await requireEdgePort(instance);
  return instance;
}

/** Removes what a start left behind that never got as far as its settings. */
export const removeRemains = (name: string): void => {
  rmSync(instanceDirectory(name), { recursive: true, force: true });
  rmSync(join(`${instanceDirectory(name)}.lock`), { force: true });
};
