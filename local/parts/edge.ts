import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Daemon, runningDaemon, startDaemon, stopDaemon } from '../daemon.ts';
import type { EdgeConfiguration } from '../edge/edge-rules.ts';
import { LocalCloudFailure } from '../failure.ts';
import { binaryDirectory, type Instance, writePrivateFile } from '../instance.ts';
import { accepts, isPortFree, portTakenMessage } from '../ports.ts';
import { childEnvironment } from '../run.ts';

export const edgeName = 'edge';
const stopWithinSeconds = 5;

/** Starts the edge, or starts it again when what it should know has changed. */
export async function startEdge(instance: Instance, configuration: EdgeConfiguration): Promise<void> {
  const file = configurationFile(instance);
  const content = JSON.stringify(configuration);
  if (!existsSync(file) || readFileSync(file, 'utf8') !== content) await stopEdge(instance);
  writePrivateFile(file, content);
  await requireEdgePort(instance);
  await startDaemon(instance, edgeProcess(instance, file));
}

export const stopEdge = (instance: Instance) => stopDaemon(instance, edgeName, stopWithinSeconds);

/** Asked before anything slow begins. Throws when the port belongs to somebody else. */
export async function requireEdgePort(instance: Instance): Promise<void> {
  if (runningDaemon(instance, edgeName) === undefined && !(await isPortFree(instance.ports.edge))) {
    throw new LocalCloudFailure(portTakenMessage(instance.ports.edge));
  }
}

const configurationFile = (instance: Instance): string => join(instance.directory, 'edge.json');

function edgeProcess(instance: Instance, file: string): Daemon {
  return {
    name: edgeName,
    command: join(binaryDirectory, 'node'),
    args: [join(import.meta.dirname, '..', 'edge', 'main.ts'), file],
    env: childEnvironment(),
    readyWithinSeconds: 15,
    stopWithinSeconds,
    isReady: () => accepts(instance.ports.edge),
  };
}
