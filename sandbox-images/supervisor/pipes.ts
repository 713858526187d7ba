import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

/**
 * Standard input and output of a guest, as FIFOs: Node's own pipes are sockets, which a program cannot open again as /dev/stdout.
 * The guest's ends are plain descriptors to hand to spawn; the supervisor's are opened once the guest has started.
 */
export interface GuestPipes {
  readonly guestEnds: { readonly stdin: number; readonly stdout: number; readonly stderr: number };
  readonly closeGuestEnds: () => void;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
}

/** The guest may open its own ends again by name through /proc, so the modes must allow exactly that. */
const READABLE_FOR_GUEST = '644';
const WRITABLE_FOR_GUEST = '622';

export async function createGuestPipes(directory: string): Promise<GuestPipes> {
  const [stdin, stdout, stderr] = [0, 1, 2].map(() => `${directory}/${randomUUID()}`) as [string, string, string];
  await Promise.all([makeFifos(READABLE_FOR_GUEST, stdin), makeFifos(WRITABLE_FOR_GUEST, stdout, stderr)]);
  const input = openInput(stdin);
  const output = openOutput(stdout);
  const errors = openOutput(stderr);
  for (const path of [stdin, stdout, stderr]) unlinkSync(path);
  const guestEnds = { stdin: input.guestEnd, stdout: output.guestEnd, stderr: errors.guestEnd };
  return {
    guestEnds,
    closeGuestEnds: () => {
      for (const descriptor of Object.values(guestEnds)) closeSync(descriptor);
    },
    stdin: new Socket({ fd: input.ownEnd, readable: false, writable: true }),
    stdout: new Socket({ fd: output.ownEnd, readable: true, writable: false }),
    stderr: new Socket({ fd: errors.ownEnd, readable: true, writable: false }),
  };
}

async function makeFifos(mode: string, ...paths: string[]): Promise<void> {
  await promisify(execFile)('/usr/bin/mkfifo', ['-m', mode, ...paths]);
}

/** Non-blocking is a property of an open end, so each side opens its own: programs do not expect it on theirs. */
function openInput(path: string): { guestEnd: number; ownEnd: number } {
  // Opening one end alone waits for the other; this one has both.
  const both = openSync(path, constants.O_RDWR);
  const guestEnd = openSync(path, constants.O_RDONLY);
  const ownEnd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  closeSync(both);
  return { guestEnd, ownEnd };
}

function openOutput(path: string): { guestEnd: number; ownEnd: number } {
  const ownEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { guestEnd: openSync(path, constants.O_WRONLY), ownEnd };
}
