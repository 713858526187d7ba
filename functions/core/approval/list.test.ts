import { describe, expect, it } from 'vitest';
import { actorOf, NOW, newExecutionId, openApprovalOf } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import type { Approval } from '../../contracts/approval.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { Actor } from '../identity/actor.ts';
import { listFor } from './list.ts';

async function holding(...requests: Approval[]) {
  const store = memoryApprovals();
  for (const request of requests) {
    const opened = { action: 'opened', actor: 'user-1', at: NOW.toISOString(), details: {} };
    await store.create(request, appendToChain(request.approval_id, EMPTY_CHAIN, opened).record);
  }
  return async (actor: Actor, whose: 'all' | 'mine' | 'to_decide' = 'all', limit = 20, escalated = false) => {
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof listFor>> = await listFor(
        store,
        actor,
        { status: 'open', whose, escalated, limit, cursor },
        NOW,
      );
      expect(page.items.length).toBeLessThanOrEqual(limit);
      found.push(...page.items.map((row) => row.approval_id));
      cursor = page.cursor;
    } while (cursor !== null);
    return found;
  };
}

const askedBy = (name: string): Approval => ({
  ...openApprovalOf(newExecutionId()),
  requester: { user_id: name, email: `${name}@airlock.test` },
});

describe('a list of requests', () => {
  it('gives everybody what they may see, each once, whatever the size of its pages', async () => {
    const requests = Array.from({ length: 23 }, (_, index) => askedBy(index % 7 === 0 ? 'user-1' : 'user-9'));
    const list = await holding(...requests);
    const mine = requests.filter((row) => row.requester.user_id === 'user-1').map((row) => row.approval_id);
    for (const limit of [1, 2, 5, 20, 100]) {
      expect((await list(actorOf(['developer'], 'user-1'), 'all', limit)).sort()).toEqual([...mine].sort());
      expect(await list(actorOf(['approver'], 'user-2'), 'all', limit)).toHaveLength(23);
      expect(await list(actorOf(['viewer'], 'user-2'), 'all', limit)).toEqual([]);
    }
  });

  it('of what waits for somebody leaves out what they asked for or decided', async () => {
    const approver = actorOf(['approver', 'developer'], 'user-1');
    const decided = askedBy('user-9');
    const made = {
      approver: { user_id: 'user-1', email: 'user-1@airlock.test' },
      on_behalf_of: null,
      decision: 'approve' as const,
      digest: decided.digest,
      stage: 0,
      rationale: null,
      standing: null,
      decided_at: NOW.toISOString(),
    };
    const [own, open] = [askedBy('user-1'), askedBy('user-9')];
    const list = await holding(own, open, { ...decided, decisions: [made] });
    expect(await list(approver, 'to_decide')).toEqual([open.approval_id]);
    expect(await list(approver, 'mine')).toEqual([own.approval_id]);
    expect(await list(actorOf(['developer'], 'user-9'), 'to_decide')).toEqual([]);
  });

  it('of what was escalated has those whose first approvers did not decide in time, of those the reader may see', async () => {
    const [fresh, late, others] = [askedBy('user-1'), { ...askedBy('user-1'), level: 1 }, { ...askedBy('user-9'), level: 2 }];
    const list = await holding(fresh, late, others);
    expect(await list(actorOf(['developer'], 'user-1'), 'all', 20, true)).toEqual([late.approval_id]);
    expect(await list(actorOf(['approver'], 'user-2'), 'to_decide', 1, true)).toHaveLength(2);
  });
});
