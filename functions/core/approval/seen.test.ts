import { describe, expect, it } from 'vitest';
import { actorOf, NOW, newExecutionId, openApprovalOf, queuedExecution } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryExecutions } from '../../../test/support/memory/stores.ts';
import { countedCalls } from '../../../test/support/port-calls.ts';
import type { Execution } from '../../contracts/execution.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { seenRequest } from './seen.ts';

const firstRecord = (id: string) =>
  appendToChain(id, EMPTY_CHAIN, { action: 'opened', actor: 'user-1', at: NOW.toISOString(), details: {} }).record;

function world() {
  const { counted, during } = countedCalls();
  const [approvals, executions] = [memoryApprovals(), memoryExecutions()];
  const waited: number[] = [];
  const parts = {
    approvals: counted('approvals', approvals),
    executions: counted('executions', executions),
    now: () => NOW,
    wait: async (milliseconds: number) => void waited.push(milliseconds),
  };
  const stands = async (executionId: string, phase: 'queued' | 'awaiting_approval') => {
    const row = { ...queuedExecution(executionId), phase } as Execution;
    await executions.create(row, firstRecord(executionId), null);
  };
  const opened = async (executionId: string) => {
    const row = openApprovalOf(executionId);
    await approvals.create(row, firstRecord(row.approval_id));
  };
  return { parts, during, waited, stands, opened };
}

describe('a request of others', () => {
  it('takes the same reads as one that is not there, and as little time, whoever asks', async () => {
    for (const stranger of [actorOf(['developer'], 'user-9'), actorOf(['viewer'], 'user-9'), actorOf([], 'user-9')]) {
      const here = world();
      const [of, pending] = [newExecutionId(), newExecutionId()];
      await here.stands(of, 'awaiting_approval');
      await here.opened(of);
      await here.stands(pending, 'queued');
      const reads = (id: string) =>
        here.during(async () => expect(await seenRequest(here.parts, stranger, approvalIdOf(id))).toBeNull());
      const ofNobody = await reads(newExecutionId());
      expect(ofNobody).toEqual(['approvals.get', 'executions.get']);
      for (const id of [of, pending]) expect(await reads(id)).toEqual(ofNobody);
      expect(here.waited).toEqual([]);
    }
  });

  it('that is about to be opened is waited for by those who will see it, and by no stranger', async () => {
    const here = world();
    const id = newExecutionId();
    await here.stands(id, 'awaiting_approval');
    expect(await seenRequest(here.parts, actorOf(['developer'], 'user-9'), approvalIdOf(id))).toBeNull();
    expect(here.waited).toEqual([]);
    for (const actor of [actorOf(['developer'], 'user-1'), actorOf(['approver'], 'user-2')]) {
      const opening = world();
      await opening.stands(id, 'awaiting_approval');
      const wait = async () => opening.opened(id);
      expect(await seenRequest({ ...opening.parts, wait }, actor, approvalIdOf(id))).toMatchObject({ execution_id: id });
    }
  });

  it('that one may see is read once', async () => {
    const here = world();
    const id = newExecutionId();
    await here.opened(id);
    const mine = () => seenRequest(here.parts, actorOf(['developer'], 'user-1'), approvalIdOf(id));
    expect(await mine()).toMatchObject({ execution_id: id });
    expect(await here.during(mine)).toEqual(['approvals.get']);
  });
});
