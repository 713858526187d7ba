import type { Execution } from '../../contracts/execution.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import type { ApprovalStore } from '../approval/ports.ts';
import { approvedVersion, isOfRun } from '../approval/versions.ts';
import type { Clock } from '../clock.ts';
import { type Approved, enqueue, update } from '../execution/transitions.ts';
import { admitNext, type LineParts, lineNow, withRow } from './line.ts';

/** Puts the execution into the line and admits whoever is next, which with room to spare is this one. */
export async function joinLine(
  parts: LineParts & { approvals: Pick<ApprovalStore, 'get'>; clock: Clock },
  input: { execution_id: string; attempt: number; task_token: string },
): Promise<{ outcome: 'waiting' | 'lost_attempt' | 'cancelled' }> {
  const now = parts.clock.now();
  let givenUp: string | null = null;
  const join = async () => {
    const before = await parts.executions.get(input.execution_id);
    const approved = before && (await approvedFor(parts, before));
    const enter = (current: Execution) => {
      givenUp = current.phase === 'starting' ? current.sandbox_id : null;
      return enqueue(current, input.attempt, input.task_token, now, approved);
    };
    return await update(parts.executions, input.execution_id, now, enter, before);
  };
  const [seen, { row, changed }] = await Promise.all([lineNow(parts), join()]);
  // It comes back for another sandbox: the one it had serves nobody else.
  if (changed && givenUp) await parts.sandboxes.markStopped(givenUp, 'given up before its run began', now);
  if (!changed || row?.phase !== 'queued') {
    // The states after this one read the row and see for themselves.
    await parts.tokens.complete(input.task_token);
    return { outcome: 'lost_attempt' };
  }
  if (row.cancel_requested) {
    await parts.tokens.complete(input.task_token);
    return { outcome: 'cancelled' };
  }
  // What was seen before this row stood in the line is good enough to go on by. It is not good enough to wait by: whoever brought the
  // next sandbox may have looked at the line before, too.
  const admitted = await admitNext(parts, withRow(seen, row));
  if (!admitted.includes(row.execution_id)) await admitNext(parts, withRow(await lineNow(parts), row));
  return { outcome: 'waiting' };
}

/** The version its approvers agreed to, when it comes straight from them; null where that is what was submitted. */
async function approvedFor(parts: { approvals: Pick<ApprovalStore, 'get'> }, row: Execution): Promise<Approved | null> {
  if (row.phase !== 'awaiting_approval') return null;
  const request = await parts.approvals.get(approvalIdOf(row.execution_id));
  const version = request && approvedVersion(request);
  if (!version || !isOfRun(version) || version.digest === row.digest) return null;
  const { digest, manifest_key, limits, timeout_seconds } = version;
  return { digest, manifest_key, limits, timeout_seconds };
}
