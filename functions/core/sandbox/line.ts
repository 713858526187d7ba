/**
 * The line of executions that wait for a sandbox: who is next, and admission within `max_concurrent_executions`. Users take turns;
 * within one user the order of submission holds. Any function may call `admitNext` at any time: a place and a token completion are
 * both idempotent.
 */
import type { Execution, ExecutionIn } from '../../contracts/execution.ts';
import type { ExecutionStore, TaskTokens } from '../execution/ports.ts';
import type { Place, PoolState, SandboxStore } from './ports.ts';

type Queued = ExecutionIn<'queued'>;

export const DEFAULT_POOL = 'default';
/** As far as the line is looked at: one person with a long queue must not hide everybody behind it. */
const LINE_LIMIT = 1000;

type Waiting = Pick<Queued, 'queued_at' | 'execution_id' | 'max_concurrent'> & {
  readonly requester: { readonly user_id: string };
};

/**
 * Round-robin over users, each user's own in order; users are ordered by who has waited longest. Those beyond what their user may run
 * at the same time are `held`, and let everybody else pass.
 */
export function inTurn<T extends Waiting>(waiting: readonly T[], admitted: readonly Place[] = []): { next: T[]; held: T[] } {
  const inOrder = [...waiting].sort(
    (a, b) => a.queued_at.localeCompare(b.queued_at) || a.execution_id.localeCompare(b.execution_id),
  );
  const waits = new Set(waiting.map((row) => row.execution_id));
  const lines = [...Map.groupBy(inOrder, (row) => row.requester.user_id)].map(([userId, line]) => {
    // Whoever holds a place and waits again stands in the line itself.
    const running = admitted.filter((place) => place.user_id === userId && !waits.has(place.execution_id)).length;
    const most = line[0]?.max_concurrent ?? Number.POSITIVE_INFINITY;
    const free = Math.max(0, most - running);
    return { next: line.slice(0, free), held: line.slice(free) };
  });
  return { next: takeTurns(lines.map((line) => line.next)), held: takeTurns(lines.map((line) => line.held)) };
}

function takeTurns<T>(lines: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lines.map((line) => line.length));
  return Array.from({ length: longest }, (_, turn) => lines.flatMap((line) => line.slice(turn, turn + 1))).flat();
}

export interface QueuePlace {
  /** From 1. */
  readonly position: number;
  readonly estimate_seconds: number;
}

/** Where an execution stands in the line; null when it does not wait there. */
export async function placeInLine(
  parts: Pick<LineParts, 'executions' | 'sandboxes' | 'maxConcurrent'>,
  row: Execution,
): Promise<QueuePlace | null> {
  if (row.phase !== 'queued') return null;
  const { waiting, pool } = withRow(await lineNow(parts), row);
  const { next, held } = inTurn(waiting, pool.admitted);
  const position = [...next, ...held].findIndex((other) => other.execution_id === row.execution_id) + 1;
  return { position, estimate_seconds: estimateWait(position, pool, parts.maxConcurrent) };
}

/** The list may not show yet what was written a moment ago. */
export const withRow = (line: Line, row: Queued): Line => ({
  ...line,
  waiting: [...line.waiting.filter((other) => other.execution_id !== row.execution_id), row],
});

/** Until something was measured: a task on Fargate takes tens of seconds to come up. */
const START_SECONDS = 40;
const RUN_SECONDS = 10;

/** Rounds of runs that end before it is this one's turn, and the start of a sandbox when none stands ready for it. */
export function estimateWait(position: number, pool: PoolState, maxConcurrent: number): number {
  const free = Math.max(0, maxConcurrent - pool.admitted.length);
  const rounds = Math.ceil(Math.max(0, position - free) / maxConcurrent);
  const start = position <= pool.idle.length ? 0 : (pool.mean_start_seconds ?? START_SECONDS);
  return Math.ceil(rounds * (pool.mean_run_seconds ?? RUN_SECONDS) + start);
}

export interface LineParts {
  readonly executions: ExecutionStore;
  readonly sandboxes: SandboxStore;
  readonly tokens: TaskTokens;
  readonly maxConcurrent: number;
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

/** Admits as many as there are idle sandboxes and free places, in the line as it was seen; answers with their ids. */
export async function admitNext(parts: LineParts, { waiting, pool }: Line): Promise<string[]> {
  const admitted: string[] = [];
  for (const row of inTurn(waiting, pool.admitted).next) {
    if (admitted.length >= pool.idle.length) break;
    if (!row.queue_token) continue;
    const place = { execution_id: row.execution_id, user_id: row.requester.user_id };
    const holdsPlace = pool.admitted.some((one) => one.execution_id === row.execution_id);
    // Others admit at the same time, so that what was free when the pool was looked at may be taken by now: for this person, or in all.
    if (!holdsPlace && !(await parts.sandboxes.admit(DEFAULT_POOL, place, mostFor(parts, row)))) continue;
    await parts.tokens.complete(row.queue_token);
    admitted.push(row.execution_id);
  }
  return admitted;
}

const mostFor = ({ maxConcurrent }: LineParts, row: Queued) => ({
  inAll: maxConcurrent,
  ofUser: row.max_concurrent ?? maxConcurrent,
});

async function waitingRows(executions: ExecutionStore): Promise<Queued[]> {
  const rows: Queued[] = [];
  for await (const row of executions.everyOpen('queued')) {
    if (row.phase === 'queued') rows.push(row);
    if (rows.length >= LINE_LIMIT) break;
  }
  return rows;
}
