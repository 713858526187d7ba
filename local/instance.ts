import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LocalCloudFailure } from './failure.ts';
import { isPortFree, parsePort, pickFreePort } from './ports.ts';

export const projectDirectory = realpathSync(dirname(import.meta.dirname));
export const binaryDirectory = join(projectDirectory, 'node_modules', '.bin');
/** Shared by all instances of this project: what is expensive to make and the same for all. */
export const sharedDirectory = join(projectDirectory, '.airlock');

const roles = ['admin', 'developer', 'approver', 'viewer'] as const;
export type Role = (typeof roles)[number];

export interface LocalUser {
  readonly role: Role;
  readonly email: string;
  readonly password: string;
}

/** What an instance must remember between two starts, because deployed functions carry it. */
export interface InstanceSettings {
  readonly ports: {
    readonly edge: number;
    readonly emulator: number;
    readonly valkey: number;
    readonly inbox: number;
    readonly smtp: number;
  };
  readonly frontDoorSecret: string;
  readonly users: readonly LocalUser[];
}

export interface Instance extends InstanceSettings {
  readonly name: string;
  /** Unique on this machine, also among several copies of the project; names its network and labels its containers. */
  readonly id: string;
  readonly directory: string;
  readonly logsDirectory: string;
  readonly url: string;
  readonly webSocketUrl: string;
  readonly emulatorUrl: string;
  /** The emulator is somebody else's: it is used, never started or stopped. */
  readonly isEmulatorForeign: boolean;
  readonly valkeyUrl: string;
  /** Where mail that Airlock sent is read. */
  readonly inboxUrl: string;
}

export const defaultInstanceName = 'default';
const defaultEdgePort = 8080;

/** The name of the instance a command works on: AIRLOCK_INSTANCE, or the one behind `npm start`. */
export function instanceNameFrom(environment: NodeJS.ProcessEnv): string {
  const name = environment.AIRLOCK_INSTANCE ?? defaultInstanceName;
  if (!/^[a-z][a-z0-9-]{0,23}$/.test(name)) {
    throw new LocalCloudFailure(`AIRLOCK_INSTANCE must be a short lower-case name such as "default"; it is "${name}".`);
  }
  return name;
}

/** Reads an instance that was started before; `undefined` when there is none. */
export function readInstance(name: string, environment: NodeJS.ProcessEnv = process.env): Instance | undefined {
  const settings = readSettings(name);
  return settings && describe(name, settings, environment);
}

/**
 * Reads the instance, or makes its settings on the first start. A port that somebody else took meanwhile is replaced; one that a part
 * of this instance is listening on is kept.
 */
export async function prepareInstance(
  name: string,
  isOwnListener: (instance: Instance, part: keyof InstanceSettings['ports']) => boolean,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Instance> {
  const earlier = readInstance(name, environment);
  const settings = await freshen(name, earlier, (part) => earlier !== undefined && isOwnListener(earlier, part), environment);
  writePrivateFile(settingsFile(name), `${JSON.stringify(settings, null, 2)}\n`);
  const instance = describe(name, settings, environment);
  mkdirSync(instance.logsDirectory, { recursive: true, mode: 0o700 });
  return instance;
}

export const instanceDirectory = (name: string): string => join(sharedDirectory, name);

async function freshen(
  name: string,
  earlier: InstanceSettings | undefined,
  isOwnListener: (part: keyof InstanceSettings['ports']) => boolean,
  environment: NodeJS.ProcessEnv,
): Promise<InstanceSettings> {
  const keepOrPick = async (part: keyof InstanceSettings['ports'], taken: number[]) => {
    const port = earlier?.ports[part];
    return port !== undefined && (isOwnListener(part) || (await isPortFree(port))) ? port : pickFreePort(taken);
  };
  const emulator = await keepOrPick('emulator', []);
  const valkey = await keepOrPick('valkey', [emulator]);
  const inbox = await keepOrPick('inbox', [emulator, valkey]);
  const smtp = await keepOrPick('smtp', [emulator, valkey, inbox]);
  // People type the default instance's address: it is theirs to choose, and never changes by itself.
  const edge =
    name === defaultInstanceName
      ? parsePort(environment.AIRLOCK_PORT ?? String(earlier?.ports.edge ?? defaultEdgePort))
      : await keepOrPick('edge', [emulator, valkey, inbox, smtp]);
  return {
    ports: { edge, emulator, valkey, inbox, smtp },
    frontDoorSecret: earlier?.frontDoorSecret ?? randomBytes(32).toString('base64url'),
    users: earlier?.users ?? roles.map((role) => ({ role, email: `${role}@airlock.local`, password: newPassword() })),
  };
}

/** 120 random bits, with one character of each class that a user pool's policy may ask for. */
const newPassword = (): string => `Al1-${randomBytes(15).toString('base64url')}`;

function describe(name: string, settings: InstanceSettings, environment: NodeJS.ProcessEnv): Instance {
  const directory = instanceDirectory(name);
  const foreignEmulator = environment.AWS_ENDPOINT_URL;
  return {
    ...settings,
    name,
    id: `airlock-${name}-${createHash('sha256').update(directory).digest('hex').slice(0, 8)}`,
    directory,
    logsDirectory: join(directory, 'logs'),
    url: `http://127.0.0.1:${settings.ports.edge}`,
    webSocketUrl: `ws://127.0.0.1:${settings.ports.edge}/api/v1/ws`,
    emulatorUrl: foreignEmulator ?? `http://127.0.0.1:${settings.ports.emulator}`,
    isEmulatorForeign: foreignEmulator !== undefined,
    valkeyUrl: `redis://127.0.0.1:${settings.ports.valkey}`,
    inboxUrl: `http://127.0.0.1:${settings.ports.inbox}`,
  };
}

const settingsFile = (name: string): string => join(instanceDirectory(name), 'instance.json');

function readSettings(name: string): InstanceSettings | undefined {
  const file = settingsFile(name);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as InstanceSettings;
  } catch {
    throw new LocalCloudFailure(
      `${file} cannot be read. "npm run local -- reset" removes this instance, so that it can start anew.`,
    );
  }
}

/** Writes a file that only its owner can read, whole or not at all. */
export function writePrivateFile(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
