/** What every store of executions keeps, whatever it is made of. Ids are new in each test, so that it may run where others work. */
import { describe, expect, it } from 'vitest';
import type { ExecutionIn } from '../../functions/contracts/execution.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { outcomeWithoutRun } from '../../functions/core/execution/outcome.ts';
import type { ExecutionStore } from '../../functions/core/execution/ports.ts';
import { bind, claim, finish, requestCancel, update } from '../../functions/core/execution/transitions.ts';
import { resourceOf } from '../../functions/core/execution/view.ts';
import type { ResourceScope } from '../../functions/core/identity/actor.ts';
import { authorize, visibleTo } from '../../functions/core/identity/authorize.ts';
import { actorOf, NOW, newExecutionId, newSandboxId, queuedExecution } from '../support/entities.ts';

const BEFORE = '2026-11-01T00:00:00.000Z';
const submitted = { action: 'submitted', actor: 'user-1', at: NOW.toISOString(), details: {} };

export function executionStoreContract(name: string, open: () => Promise<ExecutionStore>): void {
  const added = async (store: ExecutionStore, row: ExecutionIn<'queued'> = queuedExecution()) => {
    const { record } = appendToChain(row.execution_id, EMPTY_CHAIN, submitted);
    await store.create(row, record, null);
    return row.execution_id;
  };
  const running = async (store: ExecutionStore) => {
    const id = await added(store);
    const sandboxId = newSandboxId();
    await update(store, id, NOW, (row) => claim(row, 1, sandboxId));
    await update(store, id, NOW, (row) => bind(row, 1, sandboxId, NOW));
    return id;
  };

  describe(`executions in ${name}`, () => {
    it('come back as they were written, with the first record of their audit', async () => {
      const store = await open();
      const row = { ...queuedExecution(), label: 'a/b', max_concurrent: 3 };
      await added(store, row);
      expect(await store.get(row.execution_id)).toMatchObject({ ...row, audit_length: 1, audit_head: expect.any(String) });
      expect(await store.auditTrail(row.execution_id)).toMatchObject([{ sequence: 1, action: 'submitted' }]);
      expect(await store.get(newExecutionId())).toBeNull();
    });

    it('are not created twice under one idempotency key, and another request may not use it', async () => {
      const store = await open();
      const key = { user_id: newExecutionId(), key: 'k', request_hash: 'a' };
      const attempt = (hash: string) => {
        const row = queuedExecution();
        const { record } = appendToChain(row.execution_id, EMPTY_CHAIN, submitted);
        return store.create(row, record, { ...key, request_hash: hash });
      };
      expect(await store.findRepeat(key)).toBeNull();
      const answers = await Promise.all([attempt('a'), attempt('a'), attempt('a')]);
      expect(answers.map((answer) => answer.outcome).sort()).toEqual(['created', 'repeated', 'repeated']);
      const repeated = answers.flatMap((answer) => (answer.outcome === 'repeated' ? [answer.execution_id] : []));
      expect(new Set(repeated).size).toBe(1);
      expect(await attempt('b')).toEqual({ outcome: 'key_used_otherwise' });
      expect(await store.findRepeat(key)).toEqual({ outcome: 'repeated', execution_id: repeated[0] });
      expect(await store.findRepeat({ ...key, request_hash: 'b' })).toEqual({ outcome: 'key_used_otherwise' });
    });

    it('are written by one of many writers at a time, each with its own link of the audit chain', async () => {
      const store = await open();
      const id = await added(store);
      const writers = Array.from({ length: 6 }, (_, index) =>
        update(store, id, NOW, (row) => ({
          next: { ...row, justification: `${row.justification ?? ''}${index}` },
          action: 'noted',
          actor: `user-${index}`,
        })),
      );
      await Promise.all(writers);
      const row = await store.get(id);
      expect([...(row?.justification ?? '')].sort().join('')).toBe('012345');
      expect((await store.auditTrail(id)).map((record) => record.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    });

    it('refuse a write that is based on an older row, whole', async () => {
      const store = await open();
      const id = await added(store);
      const before = await store.get(id);
      if (!before) throw new Error('no row');
      await update(store, id, NOW, (row) => requestCancel(row, 'user-1', 'first', NOW));
      const { record, end } = appendToChain(id, before, { ...submitted, action: 'late' });
      expect(await store.save(before, { ...before, ...end, justification: 'late' }, record)).toBe('conflict');
      expect((await store.get(id))?.justification).toBeUndefined();
      expect((await store.auditTrail(id)).map((entry) => entry.action)).toEqual(['submitted', 'cancel_requested']);
    });

    it('take checkpoints of the attempt that serves them only, and keep them through other writes', async () => {
      const store = await open();
      const id = await running(store);
      const read = await store.get(id);
      const checkpoint = { phase: 'running', last_seq: 7, output_offset: 99 } as const;
      expect(await store.checkpoint(id, 1, checkpoint)).toBe(true);
      expect(await store.checkpoint(id, 2, { ...checkpoint, last_seq: 8 })).toBe(false);
      // Written by somebody who had read the row before the checkpoint.
      await update(store, id, NOW, (row) => requestCancel(row, 'user-1', 'enough', NOW), read);
      expect(await store.get(id)).toMatchObject({ last_seq: 7, output_offset: 99, cancel_requested: { reason: 'enough' } });
    });

    it('take no checkpoint before they run', async () => {
      const store = await open();
      const id = await added(store);
      expect(await store.checkpoint(id, 1, { phase: 'running', last_seq: 1, output_offset: 0 })).toBe(false);
    });

    it('are listed newest first, page by page, by the filters', async () => {
      const store = await open();
      const user = newExecutionId();
      const ids: string[] = [];
      for (const label of ['x', 'y', 'x', 'y', 'x'])
        ids.push(await added(store, { ...queuedExecution(newExecutionId(), user), label }));
      const read = async (filter: object, size: number) => {
        const found: string[] = [];
        let cursor: string | null = null;
        do {
          const page: Awaited<ReturnType<ExecutionStore['list']>> = await store.list(
            { requester_id: user, ...filter },
            size,
            cursor,
          );
          expect(page.items.length).toBeLessThanOrEqual(size);
          found.push(...page.items.map((row) => row.execution_id));
          cursor = page.cursor;
        } while (cursor !== null);
        return found;
      };
      expect(await read({}, 2)).toEqual([...ids].reverse());
      expect(await read({ label: 'x' }, 2)).toEqual([ids[4], ids[2], ids[0]]);
      expect(await read({ status: 'failed' }, 2)).toEqual([]);
    });

    it('are listed for a reader exactly when `authorize` lets that reader read them', async () => {
      const store = await open();
      const own = `user-${newExecutionId()}`;
      const other = `user-${newExecutionId()}`;
      // Labels of their own, so that the rows of other tests do not matter.
      const labels = [`a-${newExecutionId()}`, `b-${newExecutionId()}`];
      for (const user of [own, other])
        for (const team of [undefined, 'red', 'blue'])
          for (const label of labels)
            await added(store, { ...queuedExecution(newExecutionId(), user), label, ...(team ? { team } : {}) });
      const key = (resources: ResourceScope) => ({ credential: { kind: 'api_key', key_id: 'key-1', resources } as const });
      const readers = [
        actorOf(['developer'], own),
        actorOf(['viewer'], own),
        actorOf(['viewer'], own, { teams: ['red'] }),
        actorOf(['viewer'], 'nobody', { teams: ['red', 'blue'] }),
        actorOf(['auditor'], 'nobody'),
        actorOf(['admin'], own),
        actorOf(['developer'], own, key({ labels: labels.slice(0, 1) })),
        actorOf(['viewer'], own, { teams: ['red'], ...key({ teams: ['red', 'blue'] }) }),
        actorOf(['admin'], own, key({ labels: [] })),
        actorOf(['admin'], own, key({ environments: ['nodejs'] })),
      ];
      for (const reader of readers) {
        for (const label of labels) {
          const all = (await store.list({ label, created_after: BEFORE }, 50, null)).items;
          const visible = visibleTo(reader);
          const listed = await store.list(
            { label, created_after: BEFORE, requester_id: visible.owner_id ?? undefined, visible },
            50,
            null,
          );
          const readable = all.filter((row) => authorize(reader, 'read_state', resourceOf(row)));
          expect(listed.items.map((row) => row.execution_id)).toEqual(readable.map((row) => row.execution_id));
        }
      }
    });

    it('are counted for their requester until they are done, and no further than is asked', async () => {
      const store = await open();
      const user = `user-${newExecutionId()}`;
      const ids: string[] = [];
      for (let count = 0; count < 4; count += 1) ids.push(await added(store, queuedExecution(newExecutionId(), user)));
      expect(await store.countOpen(user, 100)).toBe(4);
      expect(await store.countOpen(user, 3)).toBe(3);
      expect(await store.countOpen(`${user}-other`, 100)).toBe(0);
      const cancelled = outcomeWithoutRun({ code: 'cancelled', message: '' });
      const end = { last_seq: 0, output_offset: 0 };
      await update(store, String(ids[0]), NOW, (row) => claim(row, 1, newSandboxId()));
      await update(store, String(ids[1]), NOW, (row) => finish(row, 1, cancelled, end, NOW));
      expect(await store.countOpen(user, 100)).toBe(3);
    });

    it('are found by the phase they stand in, and in no other', async () => {
      const store = await open();
      const id = await running(store);
      const idsOf = async (phase: 'queued' | 'running') => {
        const ids: string[] = [];
        for await (const row of store.everyOpen(phase)) ids.push(row.execution_id);
        return ids;
      };
      expect(await idsOf('running')).toContain(id);
      expect(await idsOf('queued')).not.toContain(id);
    });
  });
}
