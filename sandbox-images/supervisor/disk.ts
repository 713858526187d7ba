import { accessSync, constants, lstatSync, readdirSync, type Stats, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE } from './guest.ts';

/** Bytes written where a guest can write, since the gauge was made. */
export interface DiskGauge {
  readonly usedBytes: () => number;
  /** How much of the container's memory is really files on its volumes. */
  readonly memoryBackedBytes: () => number;
}

const WRITABLE_FOR_GUESTS = [WORKSPACE, '/tmp', '/dev/shm'];
const TMPFS_MAGIC = 0x01021994;
const BLOCK_BYTES = 512;

export function createDiskGauge(directories: readonly string[] = WRITABLE_FOR_GUESTS): DiskGauge {
  const volumes = findVolumes(directories);
  const onTmpfs = volumes.filter((path) => statfsSync(path).type === TMPFS_MAGIC);
  // Any other file system may be shared with strangers, so its fill level says nothing about this guest.
  const walkers = volumes.filter((path) => !onTmpfs.includes(path)).map(createWalker);
  const memoryBackedBytes = () => onTmpfs.reduce((sum, path) => sum + tmpfsBytes(path), 0);
  const measure = () => memoryBackedBytes() + walkers.reduce((sum, walked) => sum + walked(), 0);
  const atStart = measure();
  return { usedBytes: () => Math.max(0, measure() - atStart), memoryBackedBytes };
}

/** Also counts files that were deleted and are still open. */
function tmpfsBytes(path: string): number {
  const { blocks, bfree, bsize } = statfsSync(path);
  return (blocks - bfree) * bsize;
}

/** One path for each file system that can be written. */
function findVolumes(directories: readonly string[]): string[] {
  const found = new Map<number, string[]>();
  for (const path of directories.filter(isWritable)) {
    const { dev } = statSync(path);
    found.set(dev, [...(found.get(dev) ?? []), path]);
  }
  return [...found.values()].flatMap((paths) => {
    const [first] = paths;
    return first !== undefined && statfsSync(first).type === TMPFS_MAGIC ? [first] : paths;
  });
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Walking takes longer the more there is to see; it may take this share of the supervisor's time. */
const WALK_TIME_SHARE = 0.2;

function createWalker(root: string): () => number {
  let bytes = 0;
  let nextWalk = 0;
  return () => {
    const started = performance.now();
    if (started < nextWalk) return bytes;
    bytes = treeBytes(root);
    const finished = performance.now();
    nextWalk = finished + (finished - started) / WALK_TIME_SHARE;
    return bytes;
  };
}

/** Space that the tree takes, a file with several links counted once. What vanishes during the walk is not counted. */
export function treeBytes(root: string): number {
  const seen = new Set<number>();
  const pending = [root];
  let bytes = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const status = lookAt(path);
    if (!status || seen.has(status.ino)) continue;
    if (status.nlink > 1) seen.add(status.ino);
    bytes += status.blocks * BLOCK_BYTES;
    if (status.isDirectory()) pending.push(...entriesOf(path));
  }
  return bytes;
}

function lookAt(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path).map((name) => join(path, name));
  } catch {
    return [];
  }
}
