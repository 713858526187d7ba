import type { Clock } from '../clock.ts';
import type { ExecutionStore, TaskTokens } from '../execution/ports.ts';
import { enqueue, update } from '../execution/transitions.ts';
import { admitWaiting } from './line.ts';
import type { SandboxStore } from './ports.ts';

/** Puts the execution into the line and admits whoever is next, which with room to spare is this one. */
export async function joinLine(
  parts: { executions: ExecutionStore; sandboxes: SandboxStore; tokens: TaskTokens; clock: Clock; maxConcurrent: number },
  input: { execution_id: string; attempt: number; task_token: string },
): Promise<{ outcome: 'waiting' | 'lost_attempt' | 'cancelled' }> {
  const now = parts.clock.now();
  const { row, changed } = await update(parts.executions, input.execution_id, now, (current) =>
    enqueue(current, input.attempt, input.task_token, now),
  );
  if (!changed || row?.phase !== 'queued') {
    // The states after this one read the row and see for themselves.
    await parts.tokens.complete(input.task_token);
    return { outcome: 'lost_attempt' };
  }
  if (row.cancel_requested) {
    await parts.tokens.complete(input.task_token);
    return { outcome: 'cancelled' };
  }
  await admitWaiting(parts, row);
  return { outcome: 'waiting' };
}
