import { describe, expect, it } from 'vitest';
import type { Delivery, DeliveryIn } from '../../functions/contracts/notification.ts';
import type { DeliveryStore } from '../../functions/core/notification/ports.ts';
import { queued } from '../../functions/core/notification/queue.ts';
import { NOW, openApprovalOf } from '../support/entities.ts';
import { noticeOf } from '../support/notices.ts';

const person = { kind: 'person' as const, user_id: 'user-2', email: 'user-2@airlock.test' };
const at = NOW.toISOString();

const claimedOf = (row: DeliveryIn<'queued'>): DeliveryIn<'sending'> => ({
  ...row,
  status: 'sending',
  attempts: row.attempts + 1,
});
function endedOf<S extends 'sent' | 'dead'>(row: DeliveryIn<'sending'>, status: S): Delivery {
  const { due_at: _, ...rest } = row;
  return status === 'sent'
    ? { ...rest, status: 'sent', ended_at: at, reference: 'r' }
    : { ...rest, status: 'dead', ended_at: at };
}

export function deliveryStoreContract(name: string, open: () => Promise<DeliveryStore>): void {
  describe(`messages in ${name}`, () => {
    const added = async (store: DeliveryStore, due = NOW) => {
      const row = queued(noticeOf(openApprovalOf(), 1), person, 'email', NOW, { due, fall_backs: ['sms'] });
      expect(await store.create(row)).toBe(true);
      return row;
    };

    it('are there once, however often they are queued, and come back as they were written', async () => {
      const store = await open();
      const row = await added(store);
      expect(await store.create(row)).toBe(false);
      expect(await store.get(row.delivery_id)).toEqual(row);
      expect(await store.listOf(row.approval_id)).toEqual([row]);
      expect(await store.get(row.delivery_id.replace('email', 'sms'))).toBeNull();
    });

    it('of one request are listed all, however many they are', async () => {
      const store = await open();
      const request = openApprovalOf();
      const rows = Array.from({ length: 7 }, (_, index) => queued(noticeOf(request, index + 1), person, 'email', NOW));
      for (const row of rows) await store.create(row);
      expect(await store.listOf(request.approval_id)).toEqual(rows);
    });

    it('are claimed by one, however many try at once', async () => {
      const store = await open();
      const row = await added(store);
      const claims = await Promise.all(Array.from({ length: 8 }, () => store.save(row, claimedOf(row))));
      expect(claims.filter((won) => won)).toHaveLength(1);
      const claimed = claimedOf(row);
      expect(await store.save(claimed, endedOf(claimed, 'sent'))).toBe(true);
      expect(await store.save(claimed, endedOf(claimed, 'dead'))).toBe(false);
      expect(await store.get(row.delivery_id)).toMatchObject({ status: 'sent', reference: 'r' });
    });

    it('give up together with the one that takes over, or not at all', async () => {
      const store = await open();
      const row = await added(store);
      const next = queued(noticeOf(openApprovalOf(), 1), person, 'sms', NOW);
      const { due_at: _, ...rest } = claimedOf(row);
      const failed: DeliveryIn<'failed'> = { ...rest, status: 'failed', ended_at: at, followed_by: next.delivery_id };
      expect(await store.handOver(claimedOf(row), failed, next)).toBe(false);
      expect(await store.get(next.delivery_id)).toBeNull();
      expect(await store.handOver(row, failed, next)).toBe(true);
      expect([(await store.get(row.delivery_id))?.status, (await store.get(next.delivery_id))?.status]).toEqual([
        'failed',
        'queued',
      ]);
    });

    it('are due when their time has come and until they are done, the oldest first', async () => {
      const store = await open();
      const later = await added(store, new Date(NOW.getTime() + 60_000));
      const earlier = await added(store);
      const ids = async (minutes: number) =>
        (await store.listDue(new Date(NOW.getTime() + minutes * 60_000), 100)).map((row) => row.delivery_id);
      const mine = (found: string[]) => found.filter((id) => id === later.delivery_id || id === earlier.delivery_id);
      expect(mine(await ids(0))).toEqual([earlier.delivery_id]);
      expect(mine(await ids(1))).toEqual([earlier.delivery_id, later.delivery_id]);
      await store.save(earlier, claimedOf(earlier));
      await store.save(claimedOf(earlier), endedOf(claimedOf(earlier), 'dead'));
      expect(mine(await ids(1))).toEqual([later.delivery_id]);
    });

    it('are counted by person and by the day they were sent, and those that only change one are not', async () => {
      const store = await open();
      const day = `20${String(Math.floor(Math.random() * 80) + 10)}-0${Math.floor(Math.random() * 9) + 1}-11`;
      const send = async (recipient: Delivery['recipient'], more: { updates?: string } = {}, on = day) => {
        const row = queued(noticeOf(openApprovalOf(), 1), recipient, 'email', NOW, more);
        await store.create(row);
        await store.save(row, claimedOf(row));
        await store.save(claimedOf(row), { ...endedOf(claimedOf(row), 'sent'), ended_at: `${on}T23:59:59.999Z` } as Delivery);
        return row;
      };
      const first = await send(person);
      await send(person);
      await send(person, { updates: first.delivery_id });
      await send(person, {}, `${day.slice(0, 8)}12`);
      await send({ kind: 'place', name: 'a room' });
      await send({ ...person, user_id: 'user-3', email: 'user-3@airlock.test' });
      await added(store);
      const { told, complete } = await store.countOn(day, 3);
      expect([...told].sort((a, b) => b.messages - a.messages)).toEqual([
        { person: { user_id: 'user-2', email: 'user-2@airlock.test' }, messages: 2 },
        { person: { user_id: 'user-3', email: 'user-3@airlock.test' }, messages: 1 },
      ]);
      expect(complete).toBe(true);
      expect((await store.countOn(day, 2)).complete).toBe(false);
      expect(await store.countOn(`${day.slice(0, 8)}13`, 3)).toEqual({ told: [], complete: true });
    });
  });
}
