import { createHash, randomUUID } from 'node:crypto';
import { closeSync, fstatSync, lstatSync, readSync, type Stats } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Guest } from './guest.ts';
import { listGuestDirectory, openGuestFile } from './guest-files.ts';

export interface Artifact {
  readonly fileId: string;
  /** Relative to the output directory, as the guest wrote it: never to be used as a path. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Where the supervisor finds it again. */
  readonly path: Buffer;
}

export interface SkippedFile {
  readonly name: string;
  readonly reason: string;
}

export interface Collection {
  readonly artifacts: readonly Artifact[];
  readonly skipped: readonly SkippedFile[];
}

export const MAX_ARTIFACTS = 1000;
export const MAX_ARTIFACT_BYTES = 100 * 1024 * 1024;
/** Twelve names of 255 bytes still fit a path. */
const MAX_DEPTH = 12;
const MAX_ENTRIES = 10_000;
const MAX_SKIPPED_NAMES = 200;
const NAME_LENGTH = 1000;

/**
 * The regular files a guest left in its output directory. Only to be called when no guest process is left: nothing moves under the
 * walk then, and still no link is followed and each file is judged by what was opened, not by what was seen before. All together have
 * at most `maxBytes`: files with holes are larger than the disk they take.
 */
export async function collectArtifacts(directory: string, guest: Guest, maxBytes: number): Promise<Collection> {
  const artifacts: Artifact[] = [];
  const skipped: SkippedFile[] = [];
  let unnamed = 0;
  let entries = 0;
  let bytes = 0;

  function skip(name: string, reason: string): void {
    if (skipped.length < MAX_SKIPPED_NAMES) skipped.push({ name, reason });
    else unnamed += 1;
  }

  async function walk(path: Buffer, prefix: string, depth: number): Promise<void> {
    for (const entry of listGuestDirectory(path)) {
      const name = `${prefix}${entry.toString('utf8')}`.slice(0, NAME_LENGTH).toWellFormed();
      const entryPath = Buffer.concat([path, Buffer.from('/'), entry]);
      entries += 1;
      if (entries > MAX_ENTRIES) return skip(name, 'too many entries');
      const status = lstatSync(entryPath);
      if (status.isDirectory()) {
        if (depth >= MAX_DEPTH) skip(name, 'too deep');
        else await walk(entryPath, `${name}/`, depth + 1);
        continue;
      }
      const obstacle = obstacleOf(status, guest) ?? excessOf(status);
      if (obstacle) {
        skip(name, obstacle);
        continue;
      }
      const read = await readArtifact(entryPath, guest);
      if (typeof read === 'string') skip(name, read);
      else {
        bytes += read.sizeBytes;
        artifacts.push({ fileId: randomUUID(), name, path: entryPath, ...read });
      }
    }
  }

  function excessOf(status: Stats): string | undefined {
    if (artifacts.length >= MAX_ARTIFACTS) return 'too many files';
    if (bytes + status.size > maxBytes) return `more than ${maxBytes} bytes with those before it`;
    return undefined;
  }

  const root = lstatSync(directory, { throwIfNoEntry: false });
  if (root?.isDirectory()) await walk(Buffer.from(directory), '', 1);
  else if (root) skip('.', 'output is not a directory');
  if (unnamed > 0) skipped.push({ name: `${unnamed} more`, reason: 'not listed' });
  return { artifacts, skipped };
}

/** Why a file is not collected, if it is not. */
function obstacleOf(status: Stats, guest: Guest): string | undefined {
  if (status.isSymbolicLink()) return 'symbolic link';
  if (!status.isFile()) return 'not a regular file';
  if (status.uid !== guest.userId) return 'not of the guest';
  if (status.nlink !== 1) return 'more than one link';
  if (status.size > MAX_ARTIFACT_BYTES) return `larger than ${MAX_ARTIFACT_BYTES} bytes`;
  return undefined;
}

async function readArtifact(path: Buffer, guest: Guest): Promise<string | { sizeBytes: number; sha256: string }> {
  const descriptor = openGuestFile(path);
  try {
    const obstacle = obstacleOf(fstatSync(descriptor), guest);
    if (obstacle) return obstacle;
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(1024 * 1024);
    let sizeBytes = 0;
    for (let length = readSync(descriptor, buffer); length > 0; length = readSync(descriptor, buffer)) {
      hash.update(buffer.subarray(0, length));
      sizeBytes += length;
      // Readers of the event stream and health checks are served between the pieces.
      await nextTurn();
    }
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    closeSync(descriptor);
  }
}
