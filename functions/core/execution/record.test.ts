import { expect, it } from 'vitest';
import { NOW, newSandboxId, queuedExecution } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryExecutions, memoryLiveLog, memoryObjects } from '../../../test/support/memory/stores.ts';
import type { ExitReason, RunEvent } from '../../contracts/sandbox-protocol.ts';
import type { RecordInput } from '../../contracts/tasks.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { writeSegment } from './log.ts';
import { record } from './record.ts';
import { bind, claim, requestCancel, update } from './transitions.ts';

const at = NOW.toISOString();
const exit = (reason: ExitReason, exit_code: number | null): RunEvent => ({
  seq: 2,
  at,
  type: 'exit',
  reason,
  exit_code,
  signal: null,
  duration_ms: 5,
  usage: { cpu_ms: 1, memory_bytes: 1, disk_bytes: 0, processes: 1 },
  stdout: { bytes: 3, truncated: false },
  stderr: { bytes: 0, truncated: false },
  files_skipped: [],
});

/** What is recorded of a run with this end, which somebody asked to cancel. */
async function recorded(end: RunEvent | null, input: (executionId: string) => RecordInput) {
  const parts = {
    executions: memoryExecutions(),
    approvals: memoryApprovals(),
    objects: memoryObjects(),
    live: memoryLiveLog(),
    clock: { now: () => NOW },
  };
  const row = queuedExecution();
  const id = row.execution_id;
  const sandboxId = newSandboxId();
  const submitted = { action: 'submitted', actor: 'user-1', at, details: {} };
  await parts.executions.create(row, appendToChain(id, EMPTY_CHAIN, submitted).record, null);
  await update(parts.executions, id, NOW, (current) => claim(current, 1, sandboxId));
  await update(parts.executions, id, NOW, (current) => bind(current, 1, sandboxId, NOW));
  await writeSegment(parts.objects, id, [{ seq: 1, at, type: 'stdout', text: 'abc' }, ...(end ? [end] : [])]);
  await update(parts.executions, id, NOW, (current) => requestCancel(current, 'user-1', 'enough', NOW));
  expect(await record(parts, input(id))).toEqual({ outcome: 'recorded' });
  const after = await parts.executions.get(id);
  if (after?.phase !== 'done') throw new Error('the row is not done');
  return after;
}

const result = (execution_id: string): RecordInput => ({ execution_id, attempt: 1, kind: 'result' });
const lost = (execution_id: string): RecordInput => ({
  execution_id,
  attempt: 1,
  kind: 'failure',
  code: 'sandbox_lost',
  message: 'gone',
});

it('a program that ended before its cancellation arrived keeps its own end', async () => {
  expect(await recorded(exit('exited', 0), result)).toMatchObject({
    status: 'completed',
    outcome: { error: null, exit_code: 0, output: 'abc' },
  });
  expect(await recorded(exit('exited', 3), lost)).toMatchObject({
    status: 'failed',
    outcome: { error: { code: 'sandbox_lost' }, exit_code: 3, output: 'abc' },
  });
});

it('a run that was ended by its cancellation, or of which no end is known, is cancelled, and keeps its output', async () => {
  const error = { code: 'cancelled', message: 'Cancelled: enough' };
  for (const end of [exit('cancelled', null), null])
    expect(await recorded(end, lost)).toMatchObject({ status: 'cancelled', outcome: { error, exit_code: null, output: 'abc' } });
});
