import type { ClaimOutput } from '../../contracts/tasks.ts';
import type { ExecutionStore } from '../execution/ports.ts';
import { claim as claimTransition, update } from '../execution/transitions.ts';
import { DEFAULT_POOL } from './line.ts';
import type { SandboxStore } from './ports.ts';

/** Gives the execution one idle sandbox, nobody else's, of the image its manifest names. */
export async function claimSandbox(
  parts: { executions: ExecutionStore; sandboxes: SandboxStore; now: () => Date; random: () => number; currentImageId: string },
  input: { execution_id: string; attempt: number },
): Promise<ClaimOutput> {
  const [row, { idle }] = await Promise.all([parts.executions.get(input.execution_id), parts.sandboxes.pool(DEFAULT_POOL)]);
  if (!row || row.attempt !== input.attempt || row.phase === 'done') return { outcome: 'lost_attempt' };
  if (row.cancel_requested) return { outcome: 'cancelled' };
  // A repeated call of the same attempt finds its earlier claim.
  if (row.phase === 'starting') return { outcome: 'claimed', sandbox_id: row.sandbox_id };
  if (row.phase !== 'queued') return { outcome: 'lost_attempt' };

  for (const candidate of shuffled(idle, parts.random)) {
    const claimed = await parts.sandboxes.claim(candidate, row, parts.now());
    if (!claimed) continue;
    const [{ row: after }] = await Promise.all([
      update(
        parts.executions,
        row.execution_id,
        parts.now(),
        (current) => claimTransition(current, input.attempt, candidate),
        row,
      ),
      parts.sandboxes.leavePool(candidate, claimed.pool),
    ]);
    if (after?.phase === 'starting' && after.sandbox_id === candidate) return { outcome: 'claimed', sandbox_id: candidate };
    await parts.sandboxes.markStopped(candidate, 'claimed for an execution that went another way', parts.now());
    return after?.cancel_requested ? { outcome: 'cancelled' } : { outcome: 'lost_attempt' };
  }
  // Sandboxes of the image offered now will come; of an earlier one none will come any more.
  return row.image_id === parts.currentImageId ? { outcome: 'none_idle' } : { outcome: 'environment_changed' };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
