import { chmodSync, chownSync, closeSync, constants, fchownSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Manifest } from '../../functions/contracts/manifest.ts';
import { type Guest, WORKSPACE } from './guest.ts';
import type { Staging } from './staging.ts';

export const OUTPUT_DIRECTORY = `${WORKSPACE}/output`;

/** What callers name is placed before a guest runs, so there are no links yet; should there ever be one, it is not followed. */
const WRITE_WITHOUT_FOLLOWING = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

/** Without CAP_FOWNER the mode can be changed only before the owner. */
export function giveWorkspaceTo(guest: Guest): void {
  chmodSync(WORKSPACE, 0o755);
  chownSync(WORKSPACE, guest.userId, guest.userId);
}

/** Puts the code, the input and the files of the manifest in place, all owned by the guest. No guest process runs its own code yet. */
export function fillWorkspace(manifest: Manifest, staging: Staging, guest: Guest): void {
  const made = new Set<string>([WORKSPACE]);

  function makeDirectory(path: string): void {
    if (made.has(path)) return;
    makeDirectory(dirname(path));
    mkdirSync(path, { recursive: true });
    chownSync(path, guest.userId, guest.userId);
    made.add(path);
  }

  function write(path: string, text: string): void {
    makeDirectory(dirname(path));
    const descriptor = openSync(path, WRITE_WITHOUT_FOLLOWING);
    writeFileSync(descriptor, text);
    fchownSync(descriptor, guest.userId, guest.userId);
    closeSync(descriptor);
  }

  const lastWith = new Map(manifest.files.map((file) => [file.sha256, file]));
  for (const file of manifest.files) {
    const path = `${WORKSPACE}/${file.path}`;
    makeDirectory(dirname(path));
    staging.place(file.sha256, path, lastWith.get(file.sha256) !== file);
    chmodSync(path, 0o644);
    chownSync(path, guest.userId, guest.userId);
  }
  if (manifest.stdin !== null) write(`${WORKSPACE}/input.json`, manifest.stdin);
  write(`${WORKSPACE}/${manifest.entrypoint}`, manifest.code);
  makeDirectory(OUTPUT_DIRECTORY);
  staging.remove();
}

/** Where the supervisor keeps pipes and links: guests may pass through, to follow a link, and neither list nor write. */
export function createPrivateDirectory(candidates: readonly string[] = ['/run', '/tmp']): string {
  for (const parent of candidates) {
    const path = `${parent}/airlock`;
    try {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path, { mode: 0o711 });
      return path;
    } catch {
      // A read-only root leaves only the volumes.
    }
  }
  throw new Error(`None of ${candidates.join(', ')} can be written.`);
}
