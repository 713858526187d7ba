/**
 * Brings back what fell out: executions whose state machine is gone, approvals past their time, places and sandboxes held by
 * executions that ended. Runs at start and every minute; acting twice, or on something that is served after all, does no harm.
 */
import type { Execution, ExecutionPhase } from '../../contracts/execution.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import { advanceApproval } from '../approval/advance.ts';
import { nextClock } from '../approval/clocks.ts';
import type { ApprovalStore, ClockMachine } from '../approval/ports.ts';
import type { Clock } from '../clock.ts';
import { DEFAULT_POOL } from '../sandbox/line.ts';
import type { Place, SandboxStore } from '../sandbox/ports.ts';
import type { ExecutionMachine, ExecutionStore, TaskTokens } from './ports.ts';
import { takeOver, update } from './transitions.ts';

export interface ReconcilerParts {
  readonly executions: ExecutionStore;
  readonly approvals: ApprovalStore;
  readonly sandboxes: SandboxStore;
  readonly machine: ExecutionMachine & { isRunning(executionId: string, attempt: number): Promise<boolean> };
  readonly clocks: ClockMachine;
  readonly tokens: TaskTokens;
  readonly clock: Clock;
  /** Rows touched more recently are somebody's work in progress. */
  readonly untouchedMs: number;
  /** Told of each thing that could not be mended now; the rest goes on. */
  readonly report: (what: string, error: unknown) => void;
}

/** Each attempt is given that time once more than the one before, up to so many: what cannot be served now is not tried for ever at full pace. */
const MOST_PATIENCE = 15;
const BATCH = 100;
/** What holds a sandbox first. */
const OPEN_PHASES = ['running', 'collecting', 'starting', 'queued', 'awaiting_approval'] as const satisfies ExecutionPhase[];

export async function reconcile(
  given: ReconcilerParts,
): Promise<{ restarted: number; advanced: number; released: number; faults: number }> {
  let faults = 0;
  const report: ReconcilerParts['report'] = (what, error) => {
    faults += 1;
    given.report(what, error);
  };
  const parts = { ...given, report };
  const advanced = await isolated(parts, 'approvals', () => advanceApprovals(parts));
  const restarted = await isolated(parts, 'executions nobody serves', () => restartUnserved(parts));
  const released = await isolated(parts, 'places of ended executions', () => releaseEnded(parts));
  return { restarted: restarted ?? 0, advanced: advanced ?? 0, released: released ?? 0, faults };
}

async function restartUnserved(parts: ReconcilerParts): Promise<number> {
  let restarted = 0;
  for (const phase of OPEN_PHASES) {
    for await (const row of parts.executions.everyOpen(phase, parts.report)) {
      const agoMs = parts.clock.now().getTime() - Date.parse(row.updated_at);
      // Untouched longest come first: behind one touched a moment ago there is none to look at.
      if (agoMs < parts.untouchedMs) break;
      if (agoMs < parts.untouchedMs * Math.min(row.attempt, MOST_PATIENCE)) continue;
      const isRestarted = await isolated(
        parts,
        row.execution_id,
        async () => !(await isServed(parts, row)) && (await restart(parts, row)),
      );
      if (isRestarted) restarted += 1;
    }
  }
  return restarted;
}

/** Its machine runs, and where it waits for a token, somebody holds that token. */
async function isServed(parts: ReconcilerParts, row: Execution): Promise<boolean> {
  if (row.phase === 'queued' && !row.queue_token) return false;
  if (row.phase === 'awaiting_approval') {
    const request = await parts.approvals.get(approvalIdOf(row.execution_id));
    if (request?.task_token === undefined || request.attempt !== row.attempt) return false;
    // Decided, and yet nobody went on.
    if (request.status !== 'open' && parts.clock.now().getTime() - Date.parse(request.closed_at) > parts.untouchedMs)
      return false;
  }
  return await parts.machine.isRunning(row.execution_id, row.attempt);
}

/** One thing that cannot be mended does not keep the others from it; undefined after a fault. */
async function isolated<T>(parts: ReconcilerParts, what: string, mend: () => Promise<T>): Promise<T | undefined> {
  try {
    return await mend();
  } catch (error) {
    parts.report(what, error);
    return undefined;
  }
}

async function restart(parts: ReconcilerParts, row: Execution): Promise<boolean> {
  const { row: after, changed } = await update(parts.executions, row.execution_id, parts.clock.now(), (current) =>
    takeOver(current, row.attempt),
  );
  if (changed && after) await parts.machine.start(after.execution_id, after.attempt);
  return changed;
}

/** A machine wakes within a second or so of its time. */
const LATE_MS = 15_000;

/** A clock that should have struck and did not has no machine any more. */
async function advanceApprovals(parts: ReconcilerParts): Promise<number> {
  let advanced = 0;
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<ApprovalStore['list']>> = await parts.approvals.list('open', BATCH, cursor);
    for (const open of page.items) {
      const due = nextClock(open);
      if (!due || parts.clock.now().getTime() - Date.parse(due.at) < LATE_MS) continue;
      await isolated(parts, open.approval_id, async () => {
        const { outcome, changes } = await advanceApproval(parts, open.approval_id, open.stage);
        advanced += changes;
        // The number of records so far names a round that nobody has started before.
        if (outcome === 'waiting') await parts.clocks.start(open.approval_id, open.stage, open.audit_length + changes);
      });
    }
    cursor = page.cursor;
  } while (cursor !== null);
  return advanced;
}

async function releaseEnded(parts: ReconcilerParts): Promise<number> {
  const { admitted } = await parts.sandboxes.pool(DEFAULT_POOL);
  let released = 0;
  for (const place of admitted) {
    await isolated(parts, place.execution_id, async () => {
      const row = await parts.executions.get(place.execution_id);
      if (row && row.phase !== 'done') return;
      await release(parts, place, row);
      released += 1;
    });
  }
  return released;
}

/** Gives back what an ended execution held. */
export async function release(
  parts: Pick<ReconcilerParts, 'sandboxes' | 'clock'>,
  place: Place,
  row: Execution | null,
): Promise<void> {
  if (row && 'sandbox_id' in row && row.sandbox_id)
    await parts.sandboxes.markStopped(row.sandbox_id, 'its run ended', parts.clock.now());
  const usedSeconds = row?.phase === 'done' && row.run_started_at ? row.outcome.duration_seconds : null;
  await parts.sandboxes.releasePlace(DEFAULT_POOL, place, usedSeconds);
}
