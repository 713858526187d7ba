/**
 * Every way an execution changes, as pure functions from row to row. A function returns null when the change does not apply (any
 * more): another attempt serves the execution, or it is already past that point. `update` below writes the result with its audit record.
 */

import type { ExecutionErrorCode } from '../../contracts/errors.ts';
import { type Execution, type ExecutionIn, type ExecutionOutcome, executionCommon } from '../../contracts/execution.ts';
import { type AuditDraft, appendToChain, detailsAt } from '../audit/chain.ts';
import type { Json } from '../text/json.ts';
import type { ExecutionStore } from './ports.ts';

export interface Change {
  readonly next: Execution;
  readonly action: string;
  readonly actor: string;
  readonly details?: Record<string, Json>;
}

const MAX_TRIES = 8;
const SYSTEM = 'airlock';

/**
 * Reads the row, applies the change, writes both row and audit record; starts over when somebody else wrote in between. A row the
 * caller has read already saves the first read: the write itself finds out when it is no longer the newest.
 */
export async function update(
  store: ExecutionStore,
  executionId: string,
  now: Date,
  change: (row: Execution) => Change | null,
  known?: Execution | null,
): Promise<{ row: Execution | null; changed: boolean }> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const isKnown = tries === 0 && known;
    const row = isKnown ? known : await store.get(executionId);
    const wanted = row && change(row);
    if (!wanted && isKnown) continue;
    if (!row || !wanted) return { row, changed: false };
    const at = now.toISOString();
    const draft: AuditDraft = {
      action: wanted.action,
      actor: wanted.actor,
      at,
      details: detailsAt(row.audit_level, wanted.details ?? {}),
    };
    const { record, end } = appendToChain(executionId, row, draft);
    const after: Execution = { ...wanted.next, updated_at: at, ...end };
    if ((await store.save(row, after, record)) === 'saved') return { row: after, changed: true };
  }
  throw new Error(`execution ${executionId} was written by others ${MAX_TRIES} times in a row`);
}

/** The fields every phase has, without those of a phase that is left. By the schema: one forgotten here would be lost for good. */
const commonOf = (row: Execution) => executionCommon.parse(row);

/** What the approvers agreed to, where that is not what was submitted but the same with tighter limits. */
export type Approved = Pick<Execution, 'digest' | 'manifest_key' | 'limits' | 'timeout_seconds'>;

/** Joins the line, or stays in it with the token of a newer state. A claim that never became a run is given up. */
export function enqueue(
  row: Execution,
  attempt: number,
  queueToken: string,
  now: Date,
  approved: Approved | null = null,
): Change | null {
  if (row.attempt !== attempt) return null;
  if (row.phase !== 'awaiting_approval' && row.phase !== 'queued' && row.phase !== 'starting') return null;
  const queuedAt = row.phase === 'awaiting_approval' ? now.toISOString() : row.queued_at;
  return {
    next: { ...commonOf(row), ...approved, phase: 'queued', status: 'pending', queued_at: queuedAt, queue_token: queueToken },
    action: 'queued',
    actor: SYSTEM,
    ...(approved ? { details: { approved_digest: approved.digest } } : {}),
  };
}

export function claim(row: Execution, attempt: number, sandboxId: string): Change | null {
  if (row.attempt !== attempt || row.phase !== 'queued' || row.cancel_requested) return null;
  return {
    next: { ...commonOf(row), phase: 'starting', status: 'pending', queued_at: row.queued_at, sandbox_id: sandboxId },
    action: 'sandbox_claimed',
    actor: SYSTEM,
    details: { sandbox_id: sandboxId },
  };
}

/** The write that makes a run happen at most once: after it, this execution is only ever reattached to this sandbox. */
export function bind(row: Execution, attempt: number, sandboxId: string, now: Date): Change | null {
  if (row.attempt !== attempt || row.phase !== 'starting' || row.sandbox_id !== sandboxId || row.cancel_requested) return null;
  return {
    next: {
      ...commonOf(row),
      phase: 'running',
      status: 'running',
      queued_at: row.queued_at,
      sandbox_id: sandboxId,
      run_started_at: now.toISOString(),
      last_seq: 0,
      output_offset: 0,
    },
    action: 'run_started',
    actor: SYSTEM,
    details: { sandbox_id: sandboxId, digest: row.digest },
  };
}

export function requestCancel(row: Execution, actor: string, reason: string, now: Date): Change | null {
  if (row.phase === 'done' || row.cancel_requested) return null;
  return {
    next: { ...row, cancel_requested: { by: actor, reason, at: now.toISOString() } },
    action: 'cancel_requested',
    actor,
    details: { reason, phase: row.phase },
  };
}

/** The reconciler takes over an execution that nothing serves: every write of the earlier attempt loses from here on. */
export function takeOver(row: Execution, attempt: number): Change | null {
  if (row.attempt !== attempt || row.phase === 'done') return null;
  return {
    next: { ...row, attempt: attempt + 1 },
    action: 'attempt_started',
    actor: SYSTEM,
    details: { attempt: attempt + 1, phase: row.phase },
  };
}

export function finish(
  row: Execution,
  attempt: number,
  outcome: ExecutionOutcome,
  reached: { last_seq: number; output_offset: number },
  now: Date,
): Change | null {
  if (row.attempt !== attempt || row.phase === 'done') return null;
  const code = outcome.error?.code ?? null;
  const next: ExecutionIn<'done'> = {
    ...commonOf(row),
    phase: 'done',
    status: code === null ? 'completed' : isRefusal(code) ? 'cancelled' : 'failed',
    finished_at: now.toISOString(),
    ...reached,
    ...('run_started_at' in row && row.run_started_at ? { run_started_at: row.run_started_at } : {}),
    ...('sandbox_id' in row && row.sandbox_id ? { sandbox_id: row.sandbox_id } : {}),
    outcome,
  };
  return {
    next,
    action: next.status,
    actor: SYSTEM,
    details: { error: code, exit_code: outcome.exit_code, duration_seconds: outcome.duration_seconds },
  };
}

const isRefusal = (code: ExecutionErrorCode): boolean =>
  code === 'approval_denied' || code === 'approval_expired' || code === 'approval_withdrawn' || code === 'cancelled';
