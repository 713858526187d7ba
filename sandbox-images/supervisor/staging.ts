import { createHash, randomUUID } from 'node:crypto';
import { constants, copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Manifest } from '../../functions/contracts/manifest.ts';
import { WORKSPACE } from './guest.ts';
import { RefusalError } from './refusal.ts';

export const MAX_FILE_BYTES = 100 * 1024 * 1024;
/** As many distinct files as a sandbox takes before its run. */
export const MAX_STAGED_FILES = 1000;

/** Files that came before the run, out of every guest's reach until it starts. */
export interface Staging {
  /** Takes the bytes in; refuses them if they are too many or not those of this name. */
  readonly receive: (sha256: string, body: Readable) => Promise<void>;
  readonly assertComplete: (manifest: Manifest) => void;
  /** Puts a staged file where the guest will find it. Where the same content is wanted elsewhere too, it stays staged. */
  readonly place: (sha256: string, path: string, isWantedAgain: boolean) => void;
  readonly remove: () => void;
}

/**
 * On the workspace's own volume, so that files are moved and not copied when the clock is ticking; under a name no manifest can know, so
 * that none of its paths lies in there.
 */
export function createStaging(directory = `${WORKSPACE}/.airlock-staging-${randomUUID()}`): Staging {
  const sizes = new Map<string, number>();
  let uploads = 0;
  let isOpen = true;
  mkdirSync(directory, { mode: 0o700 });

  async function receive(sha256: string, body: Readable): Promise<void> {
    if (sizes.size >= MAX_STAGED_FILES) throw new RefusalError('file_invalid', `More than ${MAX_STAGED_FILES} files.`);
    uploads += 1;
    const partial = `${directory}/partial-${uploads}`;
    const hash = createHash('sha256');
    let bytes = 0;
    const file = await open(partial, 'wx', 0o600);
    try {
      // A refused upload must leave the connection open for the refusal itself.
      for await (const chunk of body.iterator({ destroyOnReturn: false })) {
        bytes += chunk.length;
        if (bytes > MAX_FILE_BYTES) throw new RefusalError('file_invalid', `A file has at most ${MAX_FILE_BYTES} bytes.`);
        hash.update(chunk);
        await file.writeFile(chunk);
      }
      if (hash.digest('hex') !== sha256) throw new RefusalError('file_invalid', 'The bytes are not those of this hash.');
      // From the start of the run on, this path is the guest's to choose.
      if (!isOpen) throw new RefusalError('sandbox_used', 'The run began before the file was complete.');
      renameSync(partial, `${directory}/${sha256}`);
      sizes.set(sha256, bytes);
    } finally {
      await file.close();
      if (isOpen) rmSync(partial, { force: true });
    }
  }

  function assertComplete(manifest: Manifest): void {
    const missing = manifest.files.filter(({ sha256 }) => !sizes.has(sha256));
    if (missing.length > 0) {
      throw new RefusalError('files_missing', `Not received yet: ${missing.map(({ sha256 }) => sha256).join(', ')}`);
    }
    const other = manifest.files.find(({ sha256, size_bytes }) => sizes.get(sha256) !== size_bytes);
    if (other) throw new RefusalError('manifest_invalid', `${other.path} has another size than the manifest says.`);
  }

  function place(sha256: string, path: string, isWantedAgain: boolean): void {
    if (isWantedAgain) copyFileSync(`${directory}/${sha256}`, path, constants.COPYFILE_EXCL);
    else renameSync(`${directory}/${sha256}`, path);
  }

  function remove(): void {
    isOpen = false;
    rmSync(directory, { recursive: true, force: true });
  }

  return { receive, assertComplete, place, remove };
}
