import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf, IMAGE_ID, NOW, newExecutionId } from '../../../test/support/entities.ts';
import {
  memoryExecutions,
  memoryLiveLog,
  memoryObjects,
  memorySandboxes,
  memoryUploads,
} from '../../../test/support/memory/stores.ts';
import type { ExecuteRequest } from '../../contracts/execution.ts';
import { outcomeWithoutRun } from '../../core/execution/outcome.ts';
import { finish, requestCancel, update } from '../../core/execution/transitions.ts';
import { uploadKey } from '../../core/execution/uploads.ts';
import { sha256 } from '../../core/text/json.ts';
import { execute } from './execute.ts';
import type { Parts } from './index.ts';

/** The function's parts, in memory, with a clock that stands still until somebody moves it. */
function world() {
  const state = { now: NOW, waited: [] as number[] };
  const pass = (seconds: number): void => {
    state.now = new Date(state.now.getTime() + seconds * 1000);
  };
  const parts: Parts = {
    executions: memoryExecutions(),
    sandboxes: memorySandboxes(),
    uploads: memoryUploads(),
    objects: { ...memoryObjects(), presignPut: async () => ({ url: '', headers: {} }) },
    live: {
      ...memoryLiveLog(),
      ping: async () => true,
      waitBeyond: async (_execution, _after, milliseconds) => {
        state.waited.push(milliseconds);
        pass(milliseconds / 1000);
      },
    },
    machine: { start: async () => {}, isRunning: async () => true },
    configuration: { ...configuration, roleLimits: { developer: { max_open_executions: 3 } } },
    imageId: IMAGE_ID,
    clock: { now: () => state.now },
    ids: { uuid: () => newExecutionId().slice('exec_'.length) },
  };
  const submitAs = (userId: string, body: Partial<ExecuteRequest> = {}, headers: Record<string, string> = {}) =>
    execute(parts, {
      actor: actorOf(['developer'], userId, { trusted_agent: true }),
      body: { language: 'python', code: 'print(1)', ...body },
      headers,
      params: undefined,
      query: undefined,
      requestId: 'request-1',
      clientAddress: '192.0.2.1',
    });
  return { parts, state, pass, submitAs };
}

describe('executions that are not done', () => {
  it('are limited for each person; another person’s go on, and one’s own again when one is done', async () => {
    const { parts, submitAs } = world();
    const mine: string[] = [];
    for (let count = 0; count < 3; count += 1) mine.push((await submitAs('user-1')).body.execution_id);
    await expect(submitAs('user-1')).rejects.toMatchObject({
      code: 'too_many_requests',
      message: expect.stringContaining('3 of'),
    });
    expect((await submitAs('user-2')).status).toBe(202);

    const first = String(mine[0]);
    await update(parts.executions, first, NOW, (row) => requestCancel(row, 'user-1', 'enough', NOW));
    await expect(submitAs('user-1'), 'asking for the end is not the end').rejects.toMatchObject({ code: 'too_many_requests' });
    await end(parts, first);
    expect((await submitAs('user-1')).status).toBe(202);
  });

  it('are not multiplied by a repeated request, which is answered although there is no room for another', async () => {
    const { submitAs } = world();
    const again = { 'idempotency-key': 'one' };
    const first = await submitAs('user-1', {}, again);
    await submitAs('user-1');
    await submitAs('user-1');
    expect((await submitAs('user-1', {}, again)).body.execution_id).toBe(first.body.execution_id);
  });
});

describe('`Prefer: wait`', () => {
  it('counts from the request on: what reading its files took is part of it', async () => {
    const { parts, state, pass, submitAs } = world();
    const bytes = Buffer.from('large');
    const file_id = 'file_0198c0de-0000-7000-8000-000000000001';
    await parts.objects.put(uploadKey(file_id), bytes, 'application/octet-stream');
    const content = { name: 'a.bin', size_bytes: bytes.length, sha256: sha256(bytes), created_at: NOW.toISOString() };
    await parts.uploads.put({ file_id, owner_id: 'user-1', verified: false, ...content }, new Date(Date.now() + 60_000));
    const { getStream } = parts.objects;
    parts.objects.getStream = (key) => {
      pass(15);
      return getStream(key);
    };
    const trusted = { security_profile: 'trusted' as const, files: [{ file_id }] };
    expect((await submitAs('user-1', trusted, { prefer: 'wait=20' })).status).toBe(202);
    expect(state.waited).toEqual([5000]);
  });
});

async function end(parts: Parts, executionId: string): Promise<void> {
  const outcome = outcomeWithoutRun({ code: 'cancelled', message: '' });
  await update(parts.executions, executionId, NOW, (row) => finish(row, 1, outcome, { last_seq: 0, output_offset: 0 }, NOW));
}
