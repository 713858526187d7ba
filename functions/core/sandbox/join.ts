import type { Clock } from '../clock.ts';
import { enqueue, update } from '../execution/transitions.ts';
import { admitNext, type LineParts, lineNow, withRow } from './line.ts';

/** Puts the execution into the line and admits whoever is next, which with room to spare is this one. */
export async function joinLine(
  parts: LineParts & { clock: Clock },
  input: { execution_id: string; attempt: number; task_token: string },
): Promise<{ outcome: 'waiting' | 'lost_attempt' | 'cancelled' }> {
  const now = parts.clock.now();
  let givenUp: string | null = null;
  const [seen, { row, changed }] = await Promise.all([
    lineNow(parts),
    update(parts.executions, input.execution_id, now, (current) => {
      givenUp = current.phase === 'starting' ? current.sandbox_id : null;
      return enqueue(current, input.attempt, input.task_token, now);
    }),
  ]);
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
