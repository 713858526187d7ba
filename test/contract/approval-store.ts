/** What every store of approval requests keeps. */
import { describe, expect, it } from 'vitest';
import { updateApproval } from '../../functions/core/approval/change.ts';
import { decide } from '../../functions/core/approval/decide.ts';
import type { ApprovalStore } from '../../functions/core/approval/ports.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { actorOf, NOW, openApprovalOf } from '../support/entities.ts';

const opened = { action: 'opened', actor: 'user-1', at: NOW.toISOString(), details: {} };

const decideAs = (store: ApprovalStore, approvalId: string, user: string, decision: 'approve' | 'deny') =>
  updateApproval(store, approvalId, NOW, (row) => {
    const answer = decide(row, actorOf(['approver'], user), { decision, digest: row.digest }, NOW);
    return answer.outcome === 'changed' ? answer : null;
  });

export function approvalStoreContract(name: string, open: () => Promise<ApprovalStore>): void {
  const added = async (store: ApprovalStore) => {
    const request = openApprovalOf();
    const { record } = appendToChain(request.approval_id, EMPTY_CHAIN, opened);
    expect(await store.create(request, record)).toBe('created');
    expect(await store.create(request, record)).toBe('exists');
    return request;
  };

  describe(`approval requests in ${name}`, () => {
    it('are opened once and come back as they were written', async () => {
      const store = await open();
      const request = await added(store);
      expect(await store.get(request.approval_id)).toMatchObject({ ...request, audit_length: 1, audit_head: expect.any(String) });
    });

    it('are decided once, whoever decides at the same moment', async () => {
      const store = await open();
      const request = await added(store);
      const deciding = ['one', 'two', 'three'].map((user, index) =>
        decideAs(store, request.approval_id, user, index === 1 ? 'deny' : 'approve'),
      );
      await Promise.allSettled(deciding);
      const row = await store.get(request.approval_id);
      expect(row?.status).not.toBe('open');
      expect(row?.decisions).toHaveLength(1);
      expect(row?.audit_length).toBe(2);
    });

    it('keep the token of the latest attempt, through decisions too', async () => {
      const store = await open();
      const request = await added(store);
      expect(await store.registerToken(request.approval_id, 2, 'second')).toMatchObject({ attempt: 2, task_token: 'second' });
      expect(await store.registerToken(request.approval_id, 1, 'late')).toBeNull();
      await decideAs(store, request.approval_id, 'one', 'approve');
      expect(await store.get(request.approval_id)).toMatchObject({ status: 'approved', task_token: 'second' });
    });

    it('are listed by how they stand', async () => {
      const store = await open();
      const request = await added(store);
      const ids = async (status: 'open' | 'approved') => (await store.list(status, 50, null)).items.map((row) => row.approval_id);
      expect(await ids('open')).toContain(request.approval_id);
      expect(await ids('approved')).not.toContain(request.approval_id);
    });
  });
}
