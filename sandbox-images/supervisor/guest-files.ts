import { closeSync, constants, openSync, readdirSync } from 'node:fs';

/**
 * The only way the supervisor opens what a guest may have named: the last part of a path is never followed if it is a link, and nothing
 * waits for the other end of a FIFO.
 */
const CAREFULLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export const openGuestFile = (path: Buffer): number => openSync(path, CAREFULLY);

/**
 * Calls `visit` with each name in a directory, and with a path that leads through the opened directory itself: whatever a guest puts in
 * place of that directory meanwhile, and however deep it lies, this path stays in it. It is good until `visit` returns.
 */
export function visitGuestDirectory(directory: Buffer, visit: (name: Buffer, path: Buffer) => void): void {
  const descriptor = openSync(directory, CAREFULLY | constants.O_DIRECTORY);
  try {
    const here = Buffer.from(`/proc/self/fd/${descriptor}/`);
    for (const name of readdirSync(here, 'buffer')) visit(name, Buffer.concat([here, name]));
  } finally {
    closeSync(descriptor);
  }
}

/** The names in a directory, in an order that does not depend on the file system. */
export function listGuestDirectory(directory: Buffer): Buffer[] {
  const names: Buffer[] = [];
  visitGuestDirectory(directory, (name) => names.push(name));
  return names.sort(Buffer.compare);
}
