import type { Readable } from 'node:stream';
import type { ResourceLimits } from '../../functions/contracts/manifest.ts';
import type { Health } from '../../functions/contracts/sandbox-protocol.ts';
import { createGuest } from './guest.ts';
import type { Everyone } from './kill.ts';
import { type Prestarted, prestartInterpreters } from './prestart.ts';
import { RefusalError } from './refusal.ts';
import { type Run, startRun } from './run.ts';
import { createStaging } from './staging.ts';
import { createCredential, openManifest, type VerifyTicket } from './ticket.ts';
import { createPrivateDirectory, giveWorkspaceTo } from './workspace.ts';

/** One sandbox and its one job: who may do what, and when. */
export interface Sandbox {
  readonly health: () => Health;
  readonly receiveFile: (ticket: string, sha256: string, body: Readable) => Promise<void>;
  /** Accepts the one job of this sandbox. Every later one is refused, whatever became of the first. */
  readonly accept: (ticket: string, manifestBytes: Buffer) => Promise<Run>;
  /** The run, for who holds the very ticket it was accepted with. */
  readonly runOf: (ticket: string) => Run;
}

export interface SandboxOptions {
  readonly sandboxId: string;
  readonly imageId: string;
  readonly prestartLimits: ResourceLimits;
  readonly verifyTicket: VerifyTicket;
  readonly everyone: Everyone;
  /** Done once before the sandbox calls itself idle; a job that comes earlier does not wait for it. */
  readonly rehearse: () => Promise<void>;
  readonly log: (message: string) => void;
  readonly onFinished: () => void;
}

export function createSandbox(options: SandboxOptions): Sandbox {
  const { sandboxId, imageId, verifyTicket, everyone } = options;
  const guest = createGuest();
  const privateDirectory = createPrivateDirectory();
  const staging = createStaging();
  giveWorkspaceTo(guest);

  let ready: Prestarted | undefined;
  let used: { readonly run: Run; readonly matches: (ticket: string) => boolean } | undefined;
  let done = false;
  const prestarted = prestartInterpreters({ limits: options.prestartLimits, guest, privateDirectory, log: options.log });
  void prestarted.then(async (interpreters) => {
    await options.rehearse().catch((error: unknown) => options.log(`The rehearsal failed: ${error}`));
    ready = interpreters;
  });

  function health(): Health {
    const phase = ready ? 'idle' : 'starting';
    return {
      status: done ? 'done' : used ? 'running' : phase,
      sandbox_id: sandboxId,
      image_id: imageId,
      prestarted: ready?.languages() ?? [],
    };
  }

  function assertUnused(): void {
    if (used) throw new RefusalError('sandbox_used', 'This sandbox has already had its one job.');
  }

  async function receiveFile(ticket: string, sha256: string, body: Readable): Promise<void> {
    assertUnused();
    await verifyTicket(ticket);
    await staging.receive(sha256, body);
  }

  async function accept(ticket: string, manifestBytes: Buffer): Promise<Run> {
    assertUnused();
    const claims = await verifyTicket(ticket);
    const manifest = openManifest(manifestBytes, claims, imageId);
    staging.assertComplete(manifest);
    // Another job may have been accepted while this ticket was verified; from here on nothing waits until it is taken.
    assertUnused();
    const run = startRun({ manifest, imageId, guest, privateDirectory, staging, prestarted, everyone });
    used = { run, matches: createCredential(ticket).matches };
    void run.finished.finally(() => {
      done = true;
      options.onFinished();
    });
    return run;
  }

  function runOf(ticket: string): Run {
    // Whoever pushed a job that never arrived learns just that.
    if (!used) throw new RefusalError('not_found', 'This sandbox has had no job yet.');
    if (!used.matches(ticket)) throw new RefusalError('ticket_invalid', 'This is not the ticket of the run in this sandbox.');
    return used.run;
  }

  return { health, receiveFile, accept, runOf };
}
