/**
 * The line of executions that wait for a sandbox: who is next, and admission within `max_concurrent_executions`. Users take turns;
 * within one user the order of submission holds. Any function may call `admitWaiting` at any time: a place and a token completion are
 * both idempotent.
 */
import type { ExecutionIn } from '../../contracts/execution.ts';
import type { ExecutionStore, TaskTokens } from '../execution/ports.ts';
import type { PoolState, SandboxStore } from './ports.ts';

type Queued = ExecutionIn<'queued'>;

export const DEFAULT_POOL = 'default';
const LINE_LIMIT = 200;

/** Round-robin over users, each user's own in order; users are ordered by who has waited longest. */
export function inTurn<T extends { requester: { user_id: string }; queued_at: string; execution_id: string }>(
  waiting: readonly T[],
): T[] {
  const inOrder = [...waiting].sort(
    (a, b) => a.queued_at.localeCompare(b.queued_at) || a.execution_id.localeCompare(b.execution_id),
  );
  const lines = Map.groupBy(inOrder, (row) => row.requester.user_id);
  const turns: T[] = [];
  for (let turn = 0; turns.length < waiting.length; turn += 1) {
    for (const line of lines.values()) {
      const row = line[turn];
      if (row) turns.push(row);
    }
  }
  return turns;
}

/** Place in the line, from 1; null when the execution does not wait. */
export async function queuePositionOf(
  executions: ExecutionStore,
  row: { execution_id: string; phase: string },
): Promise<number | null> {
  if (row.phase !== 'queued') return null;
  const line = inTurn(await waitingRows(executions));
  const index = line.findIndex((other) => other.execution_id === row.execution_id);
  return index < 0 ? line.length + 1 : index + 1;
}

export interface LineParts {
  readonly executions: ExecutionStore;
  readonly sandboxes: SandboxStore;
  readonly tokens: TaskTokens;
  readonly maxConcurrent: number;
}

/** Admits as many as there are idle sandboxes and free places. */
export async function admitWaiting(parts: LineParts): Promise<string[]> {
  return await admitNext(parts, await lineNow(parts));
}

export interface Line {
  readonly waiting: readonly Queued[];
  readonly pool: PoolState;
}

/** Who waits, and what the pool has. The list is eventually consistent: a row written a moment ago may be missing. */
export async function lineNow(parts: Pick<LineParts, 'executions' | 'sandboxes'>): Promise<Line> {
  const [waiting, pool] = await Promise.all([waitingRows(parts.executions), parts.sandboxes.pool(DEFAULT_POOL)]);
  return { waiting, pool };
}

/** Admits who is next in the line as it was seen; answers with their ids. */
export async function admitNext(parts: LineParts, { waiting, pool }: Line): Promise<string[]> {
  const admitted: string[] = [];
  for (const row of inTurn(waiting)) {
    if (admitted.length >= pool.idle.length) break;
    if (!row.queue_token) continue;
    const holdsPlace = pool.admitted.includes(row.execution_id);
    if (!holdsPlace && !(await parts.sandboxes.admit(DEFAULT_POOL, row.execution_id, parts.maxConcurrent))) break;
    await parts.tokens.complete(row.queue_token);
    admitted.push(row.execution_id);
  }
  return admitted;
}

async function waitingRows(executions: ExecutionStore): Promise<Queued[]> {
  const rows = await executions.listOpen('queued', LINE_LIMIT);
  return rows.filter((row) => row.phase === 'queued');
}
