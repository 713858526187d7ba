import { describe, expect, it } from 'vitest';
import { IMAGE_ID, NOW, newExecutionId, newSandboxId, queuedExecution } from '../../../test/support/entities.ts';
import { memoryExecutions, memorySandboxes, memoryTokens } from '../../../test/support/memory/stores.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { outcomeWithoutRun } from '../execution/outcome.ts';
import { claim, finish, update } from '../execution/transitions.ts';
import { type KeeperParts, keepPool, stopOrphans } from './keep.ts';
import type { SandboxProvider, TaskState } from './ports.ts';

function fakeProvider(): SandboxProvider & { readonly tasks: Map<string, TaskState> } {
  const tasks = new Map<string, TaskState>();
  return {
    tasks,
    async start(sandboxId) {
      const task_arn = `task/${sandboxId}`;
      const task = tasks.get(task_arn) ?? {
        task_arn,
        sandbox_id: sandboxId,
        status: 'running',
        address: '10.0.0.1',
        stopped_reason: null,
      };
      tasks.set(task_arn, task);
      return task;
    },
    describe: async (arns) => arns.flatMap((arn) => tasks.get(arn) ?? []),
    async stop(arn) {
      const task = tasks.get(arn);
      if (task) tasks.set(arn, { ...task, status: 'stopped', stopped_reason: 'stopped' });
    },
    listRunning: async () => [...tasks.values()].filter((task) => task.status === 'running').map((task) => task.task_arn),
  };
}

function keeper() {
  const probed: string[] = [];
  const provider = fakeProvider();
  const sandboxes = memorySandboxes();
  const executions = memoryExecutions();
  let now = NOW;
  const parts: KeeperParts = {
    sandboxes,
    executions,
    provider,
    tokens: memoryTokens(),
    probe: async ({ sandbox_id }) => void probed.push(sandbox_id),
    clock: { now: () => now },
    ids: { uuid: () => newSandboxId().slice(4) },
    settings: { poolSize: 3, spare: 3, maxIdleSeconds: 600, maxConcurrent: 5, imageId: IMAGE_ID, ticketKeyId: 'key-1' },
  };
  const pass = (seconds: number) => {
    now = new Date(now.getTime() + seconds * 1000);
  };
  return { parts, provider, sandboxes, executions, probed, pass };
}

const idle = (image_id = IMAGE_ID) => ({ task_arn: 'arn', address: '10.0.0.1', image_id });

describe('the keeper', () => {
  it('fills the pool to its size, and not beyond, however often it is called', async () => {
    const { parts, provider, sandboxes } = keeper();
    await Promise.all([keepPool(parts), keepPool(parts), keepPool(parts)]);
    await keepPool(parts);
    expect(provider.tasks.size).toBe(3);
    expect((await sandboxes.pool('default')).starting).toHaveLength(3);
  });

  it('asks each new sandbox once whether it is ready', async () => {
    const { parts, probed } = keeper();
    await keepPool(parts);
    await keepPool(parts);
    await keepPool(parts);
    expect(new Set(probed).size).toBe(3);
    expect(probed).toHaveLength(3);
  });

  it('starts the task of a row that a crash left without one', async () => {
    const { parts, provider, sandboxes } = keeper();
    const at = NOW.toISOString();
    await sandboxes.addStarting(
      { sandbox_id: newSandboxId(), pool: 'default', ticket_key_id: 'key-1', status: 'starting', created_at: at, updated_at: at },
      3,
    );
    await keepPool(parts);
    expect(provider.tasks.size).toBe(3);
  });

  it('replaces a task that died, and one that was idle for too long', async () => {
    const { parts, provider, sandboxes, pass } = keeper();
    await keepPool(parts);
    const [first, second, third] = (await sandboxes.pool('default')).starting;
    await provider.stop(`task/${first}`, 'died');
    for (const id of [second, third]) await sandboxes.markIdle(String(id), { ...idle(), task_arn: `task/${id}` }, NOW);
    await keepPool(parts);
    expect(await sandboxes.get(String(first))).toMatchObject({ status: 'stopped' });
    pass(601);
    await keepPool(parts);
    expect(await sandboxes.get(String(second))).toMatchObject({ status: 'stopped', reason: 'idle for too long' });
    const { starting, idle: still } = await sandboxes.pool('default');
    expect(starting.length + still.length).toBe(3);
  });
});

describe('a new image', () => {
  it('replaces idle sandboxes of the old one', async () => {
    const { parts, sandboxes } = keeper();
    await keepPool(parts);
    const [first] = (await sandboxes.pool('default')).starting;
    await sandboxes.markIdle(String(first), { ...idle('e'.repeat(64)), task_arn: `task/${first}` }, NOW);
    await keepPool(parts);
    expect(await sandboxes.get(String(first))).toMatchObject({ status: 'stopped', reason: 'a newer image is offered' });
    expect((await sandboxes.pool('default')).starting).toHaveLength(3);
  });
});

describe('demand', () => {
  it('starts a sandbox for each execution that waits, and lets them go again when nobody does', async () => {
    const { parts, provider, sandboxes, executions, pass } = keeper();
    for (let index = 0; index < 9; index += 1) {
      const row = queuedExecution();
      const { record } = appendToChain(row.execution_id, EMPTY_CHAIN, {
        action: 'submitted',
        actor: 'user-1',
        at: row.created_at,
        details: {},
      });
      await executions.create(row, record, null);
    }
    await keepPool(parts);
    expect(provider.tasks.size).toBe(3 + 5);
    for (const id of (await sandboxes.pool('default')).starting)
      await sandboxes.markIdle(id, { ...idle(), task_arn: `task/${id}` }, NOW);
    for await (const row of executions.everyOpen('queued')) {
      await update(executions, row.execution_id, NOW, (current) =>
        finish(current, 1, outcomeWithoutRun({ code: 'cancelled', message: '' }), { last_seq: 0, output_offset: 0 }, NOW),
      );
    }
    pass(121);
    await keepPool(parts);
    expect((await sandboxes.pool('default')).idle).toHaveLength(3);
  });

  it('starts none for executions that their user may not run beside those that run', async () => {
    const { parts, provider, sandboxes, executions } = keeper();
    const user_id = 'user-1';
    await sandboxes.admit('default', { execution_id: newExecutionId(), user_id }, { inAll: 5, ofUser: 2 });
    for (let index = 0; index < 5; index += 1) {
      const row = { ...queuedExecution(newExecutionId(), user_id), max_concurrent: 2 };
      const draft = { action: 'submitted', actor: user_id, at: row.created_at, details: {} };
      await executions.create(row, appendToChain(row.execution_id, EMPTY_CHAIN, draft).record, null);
    }
    await keepPool(parts);
    expect(provider.tasks.size).toBe(3 + 1);
  });

  it('replaces sandboxes that were told to believe another key', async () => {
    const { parts, sandboxes } = keeper();
    await keepPool(parts);
    await keepPool({ ...parts, settings: { ...parts.settings, ticketKeyId: 'key-2' } });
    const rows = await Promise.all((await sandboxes.pool('default')).starting.map((id) => sandboxes.get(id)));
    expect(rows.map((row) => row?.ticket_key_id)).toEqual(['key-2', 'key-2', 'key-2']);
  });
});

describe('orphans are stopped', () => {
  async function claimedFor(parts: ReturnType<typeof keeper>) {
    await keepPool(parts.parts);
    const id = String((await parts.sandboxes.pool('default')).starting[0]);
    const row = queuedExecution();
    const { record } = appendToChain(row.execution_id, EMPTY_CHAIN, {
      action: 'submitted',
      actor: 'user-1',
      at: row.created_at,
      details: {},
    });
    await parts.executions.create(row, record, null);
    await parts.sandboxes.markIdle(id, { ...idle(), task_arn: `task/${id}` }, NOW);
    await parts.sandboxes.claim(id, row, NOW);
    await update(parts.executions, row.execution_id, NOW, (current) => claim(current, 1, id));
    return { id, row };
  }

  it('a task that no row knows', async () => {
    const { parts, provider } = keeper();
    await provider.start('sbx_nobody');
    expect(await stopOrphans(parts)).toBe(1);
    expect(provider.tasks.get('task/sbx_nobody')?.status).toBe('stopped');
  });

  it('a sandbox whose execution is done', async () => {
    const all = keeper();
    const { id, row } = await claimedFor(all);
    await update(all.executions, row.execution_id, NOW, (current) =>
      finish(current, 1, outcomeWithoutRun({ code: 'cancelled', message: '' }), { last_seq: 0, output_offset: 0 }, NOW),
    );
    expect(await stopOrphans(all.parts)).toBe(1);
    expect(await all.sandboxes.get(id)).toMatchObject({ status: 'stopped' });
  });

  it('and nothing that is idle, starting, or serves its execution', async () => {
    const all = keeper();
    await claimedFor(all);
    expect(await stopOrphans(all.parts)).toBe(0);
  });
});
