import { describe, expect, it } from 'vitest';
import { NOW, newExecutionId, openApprovalOf, queuedExecution, who } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryExecutions, memorySandboxes, memoryTokens } from '../../../test/support/memory/stores.ts';
import type { Execution } from '../../contracts/execution.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import { updateApproval } from '../approval/change.ts';
import { withdraw } from '../approval/places.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { reconcile } from './reconcile.ts';

const submitted = { action: 'submitted', actor: 'user-1', at: NOW.toISOString(), details: {} };

/** `running` are the executions whose state machine runs. */
function reconciler({ secondsLater = 61 } = {}) {
  const running = new Set<string>();
  const started: string[] = [];
  const clocks: string[] = [];
  const reported: string[] = [];
  const parts = {
    executions: memoryExecutions(),
    approvals: memoryApprovals(),
    sandboxes: memorySandboxes(),
    machine: {
      start: async (id: string, attempt: number) => void started.push(`${id}-${attempt}`),
      isRunning: async (id: string) => running.has(id),
    },
    clocks: { start: async (id: string, stage: number, round: number) => void clocks.push(`${id}-${stage}-${round}`) },
    tokens: memoryTokens(),
    clock: { now: () => new Date(NOW.getTime() + secondsLater * 1000) },
    untouchedMs: 60_000,
    report: (what: string) => void reported.push(what),
  };
  const add = async (row: Execution): Promise<string> => {
    await parts.executions.create(row, appendToChain(row.execution_id, EMPTY_CHAIN, submitted).record, null);
    return row.execution_id;
  };
  /** Waits for an approver; `token` is what its state machine left with the request. */
  const addWaiting = async (token: string | null): Promise<string> => {
    const { queued_at: _, ...common } = queuedExecution();
    const id = await add({ ...common, phase: 'awaiting_approval', status: 'pending' });
    const day = new Date(NOW.getTime() + 24 * 3600_000).toISOString();
    const request = { ...openApprovalOf(id), expires_at: day, ...(token ? { task_token: token } : {}) };
    await parts.approvals.create(request, appendToChain(request.approval_id, EMPTY_CHAIN, submitted).record);
    return id;
  };
  return { parts, running, started, clocks, reported, add, addWaiting };
}

describe('the reconciler', () => {
  it('starts again what no machine serves, once, as the next attempt', async () => {
    const { parts, started, add } = reconciler();
    const id = await add({ ...queuedExecution(), queue_token: 'token' });
    await reconcile(parts);
    await reconcile(parts);
    expect(started).toEqual([`${id}-2`]);
  });

  it('leaves alone what is served, and what was touched within the minute', async () => {
    const served = reconciler();
    served.running.add(await served.add({ ...queuedExecution(), queue_token: 'token' }));
    served.running.add(await served.addWaiting('token'));
    const fresh = reconciler({ secondsLater: 30 });
    await fresh.add(queuedExecution());
    await reconcile(served.parts);
    await reconcile(fresh.parts);
    expect([...served.started, ...fresh.started]).toEqual([]);
  });

  it('starts again what waits for a token that nobody holds, though its machine runs', async () => {
    const { parts, running, started, add, addWaiting } = reconciler();
    const ids = [await addWaiting(null), await add(queuedExecution())];
    for (const id of ids) running.add(id);
    await reconcile(parts);
    expect(started.sort()).toEqual(ids.map((id) => `${id}-2`).sort());
  });

  it('starts again what was decided a minute ago and did not go on', async () => {
    const { parts, running, started, addWaiting } = reconciler();
    const id = await addWaiting('token');
    running.add(id);
    await updateApproval(parts.approvals, approvalIdOf(id), NOW, (request) => {
      const change = withdraw(request, 'user-1', NOW);
      return change && { change };
    });
    await reconcile(parts);
    expect(started).toEqual([`${id}-2`]);
  });

  it('finds the one that is lost behind hundreds that wait', async () => {
    const { parts, running, started, addWaiting } = reconciler();
    for (let count = 0; count < 250; count += 1) running.add(await addWaiting('token'));
    const lost = await addWaiting('token');
    await reconcile(parts);
    expect(started).toEqual([`${lost}-2`]);
  });

  it('mends the others although one cannot be mended, and says which', async () => {
    const { parts, started, reported, add } = reconciler();
    const rows = [await add(queuedExecution()), await add(queuedExecution()), await add(queuedExecution())];
    const { start } = parts.machine;
    parts.machine.start = async (id, attempt) => {
      if (id === rows[1]) throw new Error('the service is busy');
      await start(id, attempt);
    };
    expect(await reconcile(parts)).toMatchObject({ restarted: 2, faults: 1 });
    expect(started.sort()).toEqual([`${rows[0]}-2`, `${rows[2]}-2`].sort());
    expect(reported).toEqual([rows[1]]);
  });

  it('mends executions although approvals cannot be read, or a row among them', async () => {
    const { parts, started, reported, add } = reconciler();
    const id = await add(queuedExecution());
    parts.approvals.list = async () => {
      throw new Error('the index is away');
    };
    const { everyOpen } = parts.executions;
    parts.executions.everyOpen = (phase, unreadable) => {
      if (phase === 'queued') unreadable?.('exec_torn', new Error('no such phase'));
      return everyOpen(phase);
    };
    expect(await reconcile(parts)).toMatchObject({ restarted: 1, faults: 2 });
    expect(started).toEqual([`${id}-2`]);
    expect(reported).toEqual(['approvals', 'exec_torn']);
  });

  it('is more patient with each attempt', async () => {
    const { parts, started, add } = reconciler({ secondsLater: 100 });
    await add({ ...queuedExecution(newExecutionId()), attempt: 2 });
    await reconcile(parts);
    expect(started).toEqual([]);
  });

  it('gives back the place of an execution that ended or never was', async () => {
    const { parts } = reconciler();
    await parts.sandboxes.admit('default', { execution_id: newExecutionId(), user_id: 'user-1' }, { inAll: 5, ofUser: 5 });
    expect(await reconcile(parts)).toMatchObject({ released: 1 });
    expect((await parts.sandboxes.pool('default')).admitted).toEqual([]);
  });
});

describe('the clocks of an approval', () => {
  const minute = 60;
  const chain = [{ name: 'lead', eligible: who({ groups: ['leads'] }), timeout_minutes: 60 }];

  it('that are overdue are caught up with, and get a machine again', async () => {
    const { parts, clocks, running, add } = reconciler({ secondsLater: 31 * minute });
    const { queued_at: _, ...common } = queuedExecution();
    const id = await add({ ...common, phase: 'awaiting_approval', status: 'pending' });
    running.add(id);
    const request = { ...openApprovalOf(id, { escalation_chain: chain }), task_token: 'token' };
    await parts.approvals.create(request, appendToChain(request.approval_id, EMPTY_CHAIN, submitted).record);
    expect(await reconcile(parts)).toMatchObject({ advanced: 1 });
    expect(await parts.approvals.get(request.approval_id)).toMatchObject({ status: 'open', level: 1 });
    expect(clocks).toEqual([`${request.approval_id}-0-2`]);
    await reconcile(parts);
    expect(clocks).toHaveLength(1);
  });

  it('that run out close the request and wake its machine', async () => {
    const { parts, add, running } = reconciler({ secondsLater: 31 * minute });
    const { queued_at: _, ...common } = queuedExecution();
    const id = await add({ ...common, phase: 'awaiting_approval', status: 'pending' });
    running.add(id);
    const request = { ...openApprovalOf(id), task_token: 'token' };
    await parts.approvals.create(request, appendToChain(request.approval_id, EMPTY_CHAIN, submitted).record);
    await reconcile(parts);
    expect((await parts.approvals.get(request.approval_id))?.status).toBe('expired');
    expect(parts.tokens.completed).toContain('token');
  });
});
