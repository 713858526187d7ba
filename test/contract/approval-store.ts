/** What every store of approval requests keeps. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Approval, OpenApproval, StandingApproval } from '../../functions/contracts/approval.ts';
import type { ApprovalNotice } from '../../functions/contracts/approval-notice.ts';
import { updateApproval } from '../../functions/core/approval/change.ts';
import { decide } from '../../functions/core/approval/decide.ts';
import { noticesOf, toEverybody } from '../../functions/core/approval/notices.ts';
import type { ApprovalStore } from '../../functions/core/approval/ports.ts';
import { grant, revoke, standingIdOf, use } from '../../functions/core/approval/standing.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { actorOf, NOW, newExecutionId, openApprovalOf } from '../support/entities.ts';

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

    it('for what is no run are found again by who asked for what under which label, newest first and page by page', async () => {
      const store = await open();
      const me = `user-${randomUUID()}`;
      const ask = async (more: Partial<OpenApproval> = {}) => {
        const requester = { user_id: me, email: 'me@airlock.test' };
        const alike = { execution_id: null, operation_type: 'data_export', label: 'audit', requester };
        const request: OpenApproval = { ...openApprovalOf(), ...alike, ...more };
        await store.create(request, appendToChain(request.approval_id, EMPTY_CHAIN, opened).record);
        return request;
      };
      const [first, second, third] = [await ask(), await ask(), await ask()];
      await decideAs(store, second.approval_id, 'ann', 'deny');
      await ask({ label: 'other' });
      await ask({ label: null });
      await ask({ operation_type: 'security_change' });
      await ask({ requester: { user_id: `${me}-2`, email: '' } });
      await ask({ execution_id: newExecutionId(), operation_type: 'data_export' });
      const alike = { requester_id: me, operation_type: 'data_export', label: 'audit' };
      const page = await store.listAlike(alike, 2, null);
      const next = await store.listAlike(alike, 2, page.cursor);
      const found = [...page.items, ...next.items];
      expect(found.map((row) => row.approval_id)).toEqual([third, second, first].map((row) => row.approval_id));
      expect(found.map((row) => row.status)).toEqual(['open', 'denied', 'open']);
      expect(next.cursor).toBeNull();
    });

    const noticeOf = (request: Approval, sequence: number): ApprovalNotice[] =>
      noticesOf(request, sequence, [toEverybody(request, 'commented')], NOW.toISOString());

    it('take notices along with a change, or neither', async () => {
      const store = await open();
      const request = await added(store);
      const row = await store.get(request.approval_id);
      if (!row) throw new Error('there is no row');
      const { record, end } = appendToChain(row.approval_id, row, { ...opened, action: 'commented' });
      const after = { ...row, ...end };
      const outbox = noticeOf(row, record.sequence);
      expect(await store.save(row, after, record, outbox)).toBe('saved');
      // The same change again is nobody's: neither row nor notice is written twice.
      expect(await store.save(row, after, record, outbox)).toBe('conflict');
      const next = appendToChain(row.approval_id, after, { ...opened, action: 'commented' });
      expect(await store.save(after, { ...after, ...next.end }, next.record, outbox)).toBe('conflict');
      expect((await store.get(row.approval_id))?.audit_length).toBe(record.sequence);
    });

    const standingOf = (request: Approval): StandingApproval => ({
      standing_approval_id: standingIdOf('c'.repeat(64), request.approval_id, null),
      status: 'standing',
      content_digest: 'c'.repeat(64),
      owner: request.requester,
      team: null,
      summary: request.summary,
      granted_by: request.approval_id,
      granted_at: NOW.toISOString(),
      runs_left: 2,
      until: new Date(NOW.getTime() + 86_400_000).toISOString(),
      revoked: null,
      ...EMPTY_CHAIN,
    });

    it('use up a standing approval exactly as often as it was granted', async () => {
      const store = await open();
      const given = grant(null, standingOf(openApprovalOf()), 'ann');
      expect(await store.saveStanding(given)).toBe('saved');
      expect(await store.saveStanding(given)).toBe('conflict');
      const useOnce = async () => {
        for (let tries = 0; tries < 20; tries += 1) {
          const standing = await store.getStanding(given.after.standing_approval_id);
          const request = openApprovalOf();
          const used = standing && use(standing, request.execution_id ?? '', NOW);
          if (!used) return 'none left';
          const { record } = appendToChain(request.approval_id, EMPTY_CHAIN, opened);
          if ((await store.create(request, record, [], used)) === 'created') return 'used';
          expect(await store.get(request.approval_id)).toBeNull();
        }
        return 'never got there';
      };
      const ends = await Promise.all([useOnce(), useOnce(), useOnce(), useOnce()]);
      expect(ends.sort()).toEqual(['none left', 'none left', 'used', 'used']);
      expect(await store.getStanding(given.after.standing_approval_id)).toMatchObject({ runs_left: 0, audit_length: 3 });
    });

    it('list standing approvals until they are revoked', async () => {
      const store = await open();
      const given = grant(null, standingOf(openApprovalOf()), 'ann');
      await store.saveStanding(given);
      const ids = async () => (await store.listStanding(50, null)).items.map((standing) => standing.standing_approval_id);
      expect(await ids()).toContain(given.after.standing_approval_id);
      const ended = revoke(given.after, actorOf(['approver'], 'ann'), null, NOW);
      expect(ended && (await store.saveStanding(ended))).toBe('saved');
      expect(await ids()).not.toContain(given.after.standing_approval_id);
    });
  });
}
