import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Daemon, startDaemon, stopDaemon } from '../daemon.ts';
import type { Instance } from '../instance.ts';
import { virtualEnvironment } from '../prerequisites.ts';
import { childEnvironment } from '../run.ts';
import type { Engine } from './engine.ts';

export const emulatorName = 'emulator';

/** It writes its state only when it is asked to end, which took up to 40 s when it held much. */
const stopWithinSeconds = 60;

export async function startEmulator(instance: Instance, engine: Engine, networkAnchor: string | undefined): Promise<void> {
  for (const directory of Object.values(directories(instance))) mkdirSync(directory, { recursive: true, mode: 0o700 });
  forgetStreamPositions(join(directories(instance).state, 'lambda.json'));
  await startDaemon(instance, miniStack(instance, engine, networkAnchor));
}

export async function stopEmulator(instance: Instance): Promise<void> {
  await stopDaemon(instance, emulatorName, stopWithinSeconds);
  // It unpacks functions there and forgets them.
  rmSync(directories(instance).temporary, { recursive: true, force: true });
}

/**
 * The emulator remembers how far each function has read a table's stream, but not the stream: after a restart a function would be deaf
 * until as many new records had passed. Without the position it reads from the beginning of what there is, which is nothing.
 */
function forgetStreamPositions(file: string): void {
  if (!existsSync(file)) return;
  const saved = JSON.parse(readFileSync(file, 'utf8')) as { payload?: { dynamodb_stream_positions?: { data?: object } } };
  const positions = saved.payload?.dynamodb_stream_positions;
  if (!positions?.data || Object.keys(positions.data).length === 0) return;
  positions.data = {};
  writeFileSync(file, JSON.stringify(saved), { mode: 0o600 });
}

const directories = (instance: Instance) => ({
  state: join(instance.directory, 'emulator', 'state'),
  objects: join(instance.directory, 'emulator', 'objects'),
  // Functions are unpacked and run there. Inside the project they would see its package.json and its node_modules, and a bundle that
  // lacks something would work here and fail on AWS.
  temporary: join(tmpdir(), instance.id),
});

function miniStack(instance: Instance, engine: Engine, networkAnchor: string | undefined): Daemon {
  const { state, objects, temporary } = directories(instance);
  return {
    name: emulatorName,
    command: join(virtualEnvironment, 'bin', 'python'),
    args: [join(import.meta.dirname, 'serve_ministack.py')],
    env: childEnvironment({
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(instance.ports.emulator),
      // Labels its containers, so that one instance never clears away those of another.
      MINISTACK_HOSTNAME: instance.id,
      DOCKER_HOST: engine.dockerHost,
      AUTH: 'true',
      PERSIST_STATE: '1',
      STATE_DIR: state,
      S3_PERSIST: '1',
      S3_DATA_DIR: objects,
      TMPDIR: temporary,
      LAMBDA_WARM_TTL_SECONDS: '120',
      // A container that takes longer to start is given up by the emulator, and runs on without anybody knowing of it.
      MINISTACK_DOCKER_TIMEOUT: '300',
      // SES sends nothing anywhere, and hands on what it took.
      SMTP_HOST: `127.0.0.1:${instance.ports.smtp}`,
      // Listeners that nothing here uses, on ports that two instances would fight for.
      SFTP_ENABLED: '0',
      IOT_MTLS_ENABLED: '0',
      ...(networkAnchor !== undefined && { HOSTNAME: networkAnchor }),
    }),
    readyWithinSeconds: 60,
    stopWithinSeconds,
    isReady: () => answers(`${instance.emulatorUrl}/_ministack/health`),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}
