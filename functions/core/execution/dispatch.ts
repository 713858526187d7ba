/**
 * The dispatcher: binds an execution to its sandbox, pushes job and ticket once, and relays what comes back, live and durably, until
 * the run ends or its own time is up. Whatever kills it, the next one reattaches where the durable log ends; nothing starts twice.
 */

import type { ExecutionErrorCode } from '../../contracts/errors.ts';
import type { Execution } from '../../contracts/execution.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import type { DispatchOutput } from '../../contracts/tasks.ts';
import type { Clock } from '../clock.ts';
import type { RunStream, SandboxStore, Supervisor, TicketStore } from '../sandbox/ports.ts';
import { outputBytes, readSegments, writeSegment } from './log.ts';
import { ManifestUnreadable, readManifest } from './manifest.ts';
import type { ExecutionStore, LiveLog, ObjectStore } from './ports.ts';
import { blobKey } from './submit.ts';
import { bind, update } from './transitions.ts';

export interface DispatchParts {
  readonly executions: ExecutionStore;
  readonly sandboxes: Pick<SandboxStore, 'get'>;
  readonly tickets: TicketStore;
  readonly objects: ObjectStore;
  readonly live: LiveLog;
  readonly subscribers: LiveSubscribers;
  readonly supervisorAt: (address: string) => Supervisor;
  readonly clock: Clock;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** How long this dispatcher may serve before it hands over. */
  readonly budgetMs: number;
}

/** Open connections that follow a run. Offering never waits and never fails; `drained` resolves when all offered is on its way. */
export interface LiveSubscribers {
  offer(executionId: string, events: readonly RunEvent[]): void;
  drained(): Promise<void>;
}

const FLUSH_INTERVAL_MS = 1000;
const FLUSH_BYTES = 256 * 1024;
/** What an event weighs beside its text. */
const EVENT_BYTES = 100;
const ROW_CHECK_INTERVAL_MS = 1000;
const REATTACH_TRIES = 8;
const REATTACH_PAUSE_MS = 500;
/** How long past its own timeout a run may take before nobody waits for the supervisor's word any more. */
const OVERDUE_MS = 60_000;

/** Where a relay stands between two connections. */
interface Run {
  readonly row: Execution;
  readonly ticket: string;
  readonly supervisor: Supervisor;
  readonly attempt: number;
  readonly deadline: number;
  readonly progress: Progress;
}

interface Progress {
  seq: number;
  outputOffset: number;
  exited: boolean;
}

const failed = (code: ExecutionErrorCode, message: string): DispatchOutput => ({ outcome: 'failed', code, message });

export async function dispatch(
  parts: DispatchParts,
  input: { execution_id: string; attempt: number; sandbox_id: string },
): Promise<DispatchOutput> {
  const deadline = parts.clock.now().getTime() + parts.budgetMs;
  const [row, sandbox, ownTicket] = await Promise.all([
    parts.executions.get(input.execution_id),
    parts.sandboxes.get(input.sandbox_id),
    parts.tickets.get(input.execution_id, input.attempt),
  ]);
  if (!row || row.attempt !== input.attempt || row.phase === 'done') return { outcome: 'lost_attempt' };
  if (sandbox?.status !== 'claimed' || sandbox.execution_id !== row.execution_id)
    return failed('sandbox_lost', 'The sandbox is gone.');
  // Stored under the attempt that claimed the sandbox: a later attempt goes on with the ticket the run was accepted with.
  const ticket = sandbox.attempt === input.attempt ? ownTicket : await parts.tickets.get(row.execution_id, sandbox.attempt);
  if (!ticket) return failed('ticket_invalid', 'There is no run ticket for this execution.');
  const supervisor = parts.supervisorAt(sandbox.address);

  // From the checkpoint, when an earlier dispatcher left one.
  const progress: Progress = {
    seq: 'last_seq' in row ? row.last_seq : 0,
    outputOffset: 'output_offset' in row ? row.output_offset : 0,
    exited: row.phase === 'collecting',
  };
  const run: Run = { row, ticket, supervisor, attempt: input.attempt, deadline, progress };
  if (progress.exited) return await collect(parts, run);

  let connection = new AbortController();
  let stream: RunStream;
  const isFirstPush = row.phase === 'starting';
  if (isFirstPush) {
    if (row.cancel_requested) return failed('cancelled', row.cancel_requested.reason);
    const [health, stored] = await Promise.all([supervisor.health(), storedManifest(parts, row)]);
    if (!stored) return failed('digest_mismatch', 'The stored manifest is not the one that was approved.');
    // The last moment at which another sandbox will do.
    if (health?.status !== 'idle' || health.sandbox_id !== input.sandbox_id) return { outcome: 'no_sandbox' };
    const failure = await stageFiles(parts, run, stored.manifest);
    if (failure) return failure;
    const bound = await update(
      parts.executions,
      row.execution_id,
      parts.clock.now(),
      (current) => bind(current, input.attempt, input.sandbox_id, parts.clock.now()),
      row,
    );
    if (!bound.changed)
      return bound.row?.cancel_requested ? failed('cancelled', bound.row.cancel_requested.reason) : { outcome: 'lost_attempt' };
    stream = await supervisor.run(ticket, stored.bytes, connection.signal);
  } else {
    stream = await supervisor.reattach(ticket, progress.seq, connection.signal);
  }

  for (let tries = 0; ; tries += 1) {
    if (stream.outcome === 'refused') return refusalOf(stream, isFirstPush && tries === 0);
    if (stream.outcome === 'streaming') {
      const reached = progress.seq;
      const ended = await relay(parts, run, stream.events).finally(() => connection.abort());
      if (ended === 'exited') return await collect(parts, run);
      if (ended === 'hand_over' || ended === 'lost_attempt') return { outcome: ended };
      if (ended === 'overdue') return failed('sandbox_lost', 'The sandbox did not end the run in time.');
      if (progress.seq > reached) tries = 0;
    }
    if (tries >= REATTACH_TRIES)
      return failed('sandbox_lost', 'The sandbox stopped answering before the run ended. Output so far was kept.');
    await parts.wait(REATTACH_PAUSE_MS);
    connection = new AbortController();
    stream = await supervisor.reattach(ticket, progress.seq, connection.signal);
  }
}

/** Null when what is stored is not what was submitted. */
async function storedManifest(parts: DispatchParts, row: Execution) {
  return await readManifest(parts.objects, row.manifest_key, row.digest).catch((error: unknown) => {
    if (error instanceof ManifestUnreadable) return null;
    throw error;
  });
}

async function stageFiles(parts: DispatchParts, { ticket, supervisor }: Run, manifest: Manifest): Promise<DispatchOutput | null> {
  for (const file of new Map(manifest.files.map((entry) => [entry.sha256, entry])).values()) {
    const blob = await parts.objects.getStream(blobKey(file.sha256));
    if (!blob) return failed('internal_error', `The input file ${file.path} is no longer stored.`);
    const refusal = await supervisor.putFile(ticket, file.sha256, blob.body, blob.size);
    if (refusal) return failed(refusal.code === 'ticket_invalid' ? 'ticket_invalid' : 'internal_error', refusal.detail);
  }
  return null;
}

function refusalOf(stream: Extract<RunStream, { outcome: 'refused' }>, isFirstPush: boolean): DispatchOutput {
  const { code, detail } = stream.refusal;
  if (code === 'ticket_invalid' || code === 'digest_mismatch' || code === 'environment_changed') return failed(code, detail);
  // A push that was cut: the supervisor never got the job, and it is not pushed again.
  if (code === 'not_found' && !isFirstPush) return failed('sandbox_lost', 'The sandbox never received the job.');
  if (code === 'sandbox_used') return failed('sandbox_lost', 'The sandbox serves another job.');
  return failed('internal_error', `The sandbox refused the job: ${detail}`);
}

type RelayEnd = 'exited' | 'cut' | 'hand_over' | 'lost_attempt' | 'overdue';

async function relay(parts: DispatchParts, run: Run, batches: AsyncIterable<readonly RunEvent[]>): Promise<RelayEnd> {
  const { row, progress } = run;
  const startedAt = 'run_started_at' in row && row.run_started_at ? Date.parse(row.run_started_at) : parts.clock.now().getTime();
  const overdueAt = startedAt + row.timeout_seconds * 1000 + OVERDUE_MS;
  let pending: RunEvent[] = [];
  let pendingBytes = 0;
  let flushedAt = parts.clock.now().getTime();
  let checkedAt = flushedAt;
  let cancelSent = false;

  const flush = async (): Promise<boolean> => {
    flushedAt = parts.clock.now().getTime();
    const events = pending;
    pending = [];
    pendingBytes = 0;
    const last = events.at(-1);
    if (!last) return true;
    await writeSegment(parts.objects, row.execution_id, events);
    return await parts.executions.checkpoint(row.execution_id, run.attempt, {
      phase: progress.exited ? 'collecting' : 'running',
      last_seq: last.seq,
      output_offset: progress.outputOffset,
    });
  };

  const next = batchesOrTicks(batches, parts.wait);
  while (true) {
    const batch = await next();
    const now = parts.clock.now().getTime();
    if (batch === 'cut') return (await flush()) ? 'cut' : 'lost_attempt';
    if (batch !== 'tick') {
      const fresh = batch.filter((event) => event.seq > progress.seq);
      if (fresh.length > 0) {
        progress.seq = fresh.at(-1)?.seq ?? progress.seq;
        progress.exited ||= fresh.some((event) => event.type === 'exit');
        pending.push(...fresh);
        const bytes = outputBytes(fresh);
        progress.outputOffset += bytes;
        pendingBytes += bytes + fresh.length * EVENT_BYTES;
        await parts.live.append(row.execution_id, fresh);
        parts.subscribers.offer(row.execution_id, fresh);
      }
    }
    if (progress.exited) return (await flush()) ? 'exited' : 'lost_attempt';
    if ((pendingBytes >= FLUSH_BYTES || now - flushedAt >= FLUSH_INTERVAL_MS) && !(await flush())) return 'lost_attempt';
    if (now >= run.deadline) return (await flush()) ? 'hand_over' : 'lost_attempt';
    if (now >= overdueAt) return (await flush()) ? 'overdue' : 'lost_attempt';
    if (now - checkedAt >= ROW_CHECK_INTERVAL_MS && !cancelSent) {
      checkedAt = now;
      const current = await parts.executions.get(row.execution_id);
      // Backstop: the cancel function has most likely told the supervisor already.
      if (current?.cancel_requested) {
        cancelSent = true;
        void run.supervisor.cancel(run.ticket, current.cancel_requested.reason).then((answer) => {
          if (answer === 'unreachable') cancelSent = false;
        });
      }
    }
  }
}

const TICK_MS = 250;

/** Asks for the next batch; `tick` when nothing came for a moment, so that clocks are looked at on a silent run too; `cut` at the end. */
function batchesOrTicks(
  batches: AsyncIterable<readonly RunEvent[]>,
  wait: (ms: number) => Promise<void>,
): () => Promise<readonly RunEvent[] | 'tick' | 'cut'> {
  const iterator = batches[Symbol.asyncIterator]();
  let reading: Promise<readonly RunEvent[] | 'cut'> | null = null;
  return async () => {
    reading ??= iterator.next().then(
      (step) => (step.done ? 'cut' : step.value),
      () => 'cut',
    );
    const next = await Promise.race([reading, wait(TICK_MS).then(() => 'tick' as const)]);
    if (next !== 'tick') reading = null;
    return next;
  };
}

export const artifactKey = (executionId: string, fileId: string): string => `artifacts/${executionId}/${fileId}`;

/** Copies what the program left in `output/` before the task goes away. Every event is durable by now, so the list comes from there. */
async function collect(parts: DispatchParts, run: Run): Promise<DispatchOutput> {
  const { row, supervisor, ticket } = run;
  const events = await readSegments(parts.objects, row.execution_id, 0);
  for (const file of events.filter((event) => event.type === 'file')) {
    const body = await supervisor.getFile(ticket, file.file_id);
    if (!body) return failed('sandbox_lost', 'The sandbox went away before its files were collected. Output was kept.');
    await parts.objects.putStream(artifactKey(row.execution_id, file.file_id), body, file, 'application/octet-stream');
  }
  await parts.subscribers.drained();
  return { outcome: 'exited' };
}
