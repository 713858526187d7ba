import { describe, expect, it } from 'vitest';
import { NOW, newExecutionId, newSandboxId, queuedExecution } from '../../../test/support/entities.ts';
import { memoryLiveLog, memoryObjects } from '../../../test/support/memory/stores.ts';
import type { Execution } from '../../contracts/execution.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import { readLog, readSegments, writeArchive, writeSegment } from './log.ts';

const at = NOW.toISOString();
const output = (seq: number, text = 'x'): RunEvent => ({ seq, at, type: 'stdout', text });
const upTo = (last: number, text?: string) => Array.from({ length: last }, (_, index) => output(index + 1, text));
const numbers = (events: readonly RunEvent[]) => events.map((event) => event.seq);

function runningTo(lastSeq: number): Execution {
  const bound = { sandbox_id: newSandboxId(), run_started_at: at, last_seq: lastSeq, output_offset: 0 };
  return { ...queuedExecution(newExecutionId()), phase: 'running', status: 'running', ...bound };
}

describe('a run’s log', () => {
  it('is never read across a hole of its live half', async () => {
    const parts = { live: memoryLiveLog(), objects: memoryObjects() };
    const row = runningTo(4);
    await parts.live.append(row.execution_id, [output(1), output(2), output(5)]);
    await writeSegment(parts.objects, row.execution_id, upTo(4));
    expect(numbers(await readLog(parts, row, { after: 0, limit: 10 }))).toEqual([1, 2]);
    expect(numbers(await readLog(parts, row, { after: 2, limit: 10 }))).toEqual([3, 4]);
    expect(numbers(await readLog(parts, row, { after: 4, limit: 10 }))).toEqual([5]);
  });

  it('comes in pages that fit an answer, however it is escaped', async () => {
    const parts = { live: memoryLiveLog(), objects: memoryObjects() };
    const row = runningTo(0);
    await parts.live.append(row.execution_id, upTo(500, '"'.repeat(8000)));
    let read = 0;
    for (let pages = 0; read < 500; pages += 1) {
      expect(pages).toBeLessThan(50);
      const events = await readLog(parts, row, { after: read, limit: 500 });
      expect(JSON.stringify(JSON.stringify({ events })).length).toBeLessThan(6 * 1024 * 1024);
      expect(events[0]?.seq).toBe(read + 1);
      read = events.at(-1)?.seq ?? 500;
    }
  });

  it('is the same in its archive, in fewer objects', async () => {
    const objects = memoryObjects();
    const events = upTo(3000, 'y'.repeat(1000));
    await writeArchive(objects, 'exec_1', events);
    expect(objects.objects.size).toBeLessThan(6);
    expect(numbers(await readSegments(objects, 'exec_1', 0, 5000, 'archive'))).toEqual(numbers(events));
    expect(numbers(await readSegments(objects, 'exec_1', 2990, 5, 'archive'))).toEqual([2991, 2992, 2993, 2994, 2995]);
  });
});
