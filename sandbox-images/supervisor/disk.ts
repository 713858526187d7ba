import { accessSync, constants, lstatSync, type Stats, statfsSync, statSync } from 'node:fs';
import { WORKSPACE } from './guest.ts';
import { visitGuestDirectory } from './guest-files.ts';

/** Bytes written where a guest can write, since the gauge was made. */
export interface DiskGauge {
  /** Counting may take long, so it is not done each time; `anew` does it in any case. */
  readonly usedBytes: (when?: 'anew') => number;
  /** How much of the container's memory is really files on its volumes. */
  readonly memoryBackedBytes: () => number;
}

const WRITABLE_FOR_GUESTS = [WORKSPACE, '/tmp', '/dev/shm'];
const TMPFS_MAGIC = 0x01021994;
const BLOCK_BYTES = 512;
/** A file takes room also when it is empty: without this, a guest could make files without end. */
const BYTES_PER_FILE = 1024;

export function createDiskGauge(directories: readonly string[] = WRITABLE_FOR_GUESTS): DiskGauge {
  const volumes = findVolumes(directories);
  const onTmpfs = volumes.filter((path) => statfsSync(path).type === TMPFS_MAGIC);
  // Any other file system may be shared with strangers, so its fill level says nothing about this guest.
  const walkers = volumes.filter((path) => !onTmpfs.includes(path)).map(createWalker);
  const memoryBackedBytes = () => sumOf(onTmpfs, tmpfsBytes);
  const measure = (when?: 'anew') =>
    sumOf(onTmpfs, (path) => tmpfsBytes(path) + tmpfsFiles(path) * BYTES_PER_FILE) + sumOf(walkers, (walked) => walked(when));
  const atStart = measure();
  return { usedBytes: (when) => Math.max(0, measure(when) - atStart), memoryBackedBytes };
}

/** Also counts files that were deleted and are still open. */
function tmpfsBytes(path: string): number {
  const { blocks, bfree, bsize } = statfsSync(path);
  return (blocks - bfree) * bsize;
}

function tmpfsFiles(path: string): number {
  const { files, ffree } = statfsSync(path);
  return files - ffree;
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

function createWalker(root: string): (when?: 'anew') => number {
  let bytes = 0;
  let nextWalk = 0;
  return (when) => {
    const started = performance.now();
    if (started < nextWalk && when !== 'anew') return bytes;
    bytes = treeBytes(root);
    const finished = performance.now();
    nextWalk = finished + (finished - started) / WALK_TIME_SHARE;
    return bytes;
  };
}

/** Each level takes a descriptor while it is walked. */
const MAX_DEPTH = 200;
/** What lies deeper cannot be measured, and passes every limit. */
const UNMEASURED_BYTES = 2 ** 50;

/** Space that the tree takes, a file with several links counted once. What vanishes during the walk is not counted. */
export function treeBytes(root: string): number {
  const seen = new Set<number>();
  let bytes = 0;

  function walk(directory: Buffer, depth: number): void {
    visitGuestDirectory(directory, (_, path) => {
      const status = lookAt(path);
      if (!status || seen.has(status.ino)) return;
      if (status.nlink > 1) seen.add(status.ino);
      bytes += status.blocks * BLOCK_BYTES + BYTES_PER_FILE;
      if (!status.isDirectory()) return;
      if (depth >= MAX_DEPTH) bytes = UNMEASURED_BYTES;
      else if (bytes < UNMEASURED_BYTES) ignoringVanished(() => walk(path, depth + 1));
    });
  }

  ignoringVanished(() => walk(Buffer.from(root), 1));
  return Math.min(bytes, UNMEASURED_BYTES);
}

function lookAt(path: Buffer): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** A directory may be gone, or be something else by now, between being seen and being opened. */
function ignoringVanished(work: () => void): void {
  try {
    work();
  } catch {
    // What can be counted of it was.
  }
}

const sumOf = <T>(items: readonly T[], figure: (one: T) => number): number => items.reduce((sum, one) => sum + figure(one), 0);
