import { readFileSync, writeFileSync } from 'node:fs';

/** The part of an OCI bundle's config.json that is read or changed here. */
export interface Bundle {
  process: { capabilities?: Record<string, string[]>; noNewPrivileges?: boolean; [key: string]: unknown };
  root: { path: string; readonly?: boolean };
  mounts: Mount[];
  linux: { resources?: { memory?: object; pids?: object; [key: string]: unknown }; [key: string]: unknown };
  [key: string]: unknown;
}

interface Mount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
}

/** What the task definition leaves after dropping the others by name; the supervisor needs these to start jobs under another user. */
const keptCapabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID', 'CAP_SETPCAP'];

const mebibyte = 1024 * 1024;

/** A sandbox on this machine: room for the largest default job and the supervisor. Scratch counts as memory here, being tmpfs. */
const limits = {
  memoryBytes: 2048 * mebibyte,
  processes: 512,
  scratch: [
    { destination: '/run', mebibytes: 16, mode: '0755' },
    { destination: '/tmp', mebibytes: 128, mode: '1777' },
    { destination: '/workspace', mebibytes: 1024, mode: '0755' },
    { destination: '/dev/shm', mebibytes: 64, mode: '1777' },
  ],
};

/** Gives a container what Fargate would enforce from the task definition, and what its size would allow. */
export function hardenBundle(bundle: Bundle): Bundle {
  const scratch = limits.scratch.map(({ destination, mebibytes, mode }) => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', 'rw', `size=${mebibytes}m`, `mode=${mode}`],
  }));
  const replaced = new Set(scratch.map(({ destination }) => destination));
  const kept = bundle.mounts.filter(({ destination }) => !replaced.has(destination));
  // Runtimes mount in order: a scratch volume must be there before anything that is mounted inside it.
  const firstBind = kept.findIndex(({ type }) => type === 'bind');
  const at = firstBind === -1 ? kept.length : firstBind;
  return {
    ...bundle,
    process: {
      ...bundle.process,
      capabilities: { bounding: keptCapabilities, effective: keptCapabilities, permitted: keptCapabilities },
    },
    root: { ...bundle.root, readonly: true },
    mounts: [...kept.slice(0, at), ...scratch, ...kept.slice(at)],
    linux: {
      ...bundle.linux,
      resources: {
        ...bundle.linux.resources,
        memory: { limit: limits.memoryBytes },
        pids: { limit: limits.processes },
      },
    },
  };
}

if (import.meta.main) {
  const file = process.argv[2] ?? '';
  writeFileSync(file, JSON.stringify(hardenBundle(JSON.parse(readFileSync(file, 'utf8')) as Bundle)));
}
