import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tellOfRotation } from '../../functions/core/identity/key-rotation.ts';
import { type ApiKeyStore, makeKey, revokeKey, rotateKey, statusOf } from '../../functions/core/identity/keys.ts';
import { actorOf, NOW } from '../support/entities.ts';
import { randomHex } from '../support/random.ts';

const DAY_MS = 24 * 3600_000;
const maker = {
  settings: { auto_rotation_days: 90, overlap_hours: 72, max_per_user: 50 },
  randomHex,
  now: NOW,
};

const owner = actorOf(['developer']);

export function apiKeyStoreContract(name: string, open: () => Promise<ApiKeyStore>): void {
  describe(`API keys in ${name}`, () => {
    const added = async (store: ApiKeyStore, ownerId: string) => {
      const made = makeKey(maker, actorOf(['developer'], ownerId), { name: 'ci', resources: { labels: ['nightly'] } });
      await store.create(made.row, made.record);
      return made.row;
    };

    it('come back as they were made, and are listed for their owner, page by page', async () => {
      const store = await open();
      const ownerId = randomUUID();
      const keys = [await added(store, ownerId), await added(store, ownerId), await added(store, ownerId)];
      await added(store, randomUUID());
      for (const key of keys) expect(await store.get(key.key_id)).toEqual(key);
      const first = await store.listOf(ownerId, 2, null);
      const second = await store.listOf(ownerId, 2, first.cursor);
      expect([...first.items, ...second.items]).toEqual(keys.toSorted((a, b) => a.key_id.localeCompare(b.key_id)));
      expect(await store.get(`key_${'0'.repeat(24)}`)).toBeNull();
    });

    it('have one successor, however many rotate at once', async () => {
      const store = await open();
      const before = await added(store, randomUUID());
      const rotate = async () => {
        const rotated = rotateKey(maker, owner, before);
        if (rotated.outcome === 'refused') throw new Error(rotated.detail);
        const { successor, after, record } = rotated;
        const saved = await store.replace(before, after, record, { key: successor.row, record: successor.record });
        return { saved, id: successor.row.key_id };
      };
      const answers = await Promise.all([rotate(), rotate(), rotate()]);
      const won = answers.filter(({ saved }) => saved === 'saved');
      expect(won).toHaveLength(1);
      expect(await store.get(before.key_id)).toMatchObject({ successor_id: won[0]?.id, audit_length: 2 });
      for (const { saved, id } of answers) expect((await store.get(id)) !== null).toBe(saved === 'saved');
    });

    it('are revoked once, with a record of it', async () => {
      const store = await open();
      const before = await added(store, randomUUID());
      const change = revokeKey(before, owner, NOW);
      if (!change) throw new Error('nothing to revoke');
      expect(await store.save(before, change.after, change.record)).toBe('saved');
      expect(await store.save(before, change.after, change.record)).toBe('conflict');
      const after = await store.get(before.key_id);
      expect(after && statusOf(after, NOW)).toBe('revoked');
      expect(after && revokeKey(after, owner, NOW)).toBeNull();
    });

    it('are found when they are due, until their owner is told, they are rotated or revoked', async () => {
      const store = await open();
      const due = new Date(NOW.getTime() + 90 * DAY_MS);
      const make = async (request: { expires_in_days?: number } = {}) => {
        const made = makeKey(maker, owner, { name: 'ci', ...request });
        await store.create(made.row, made.record);
        return made.row;
      };
      const [told, rotated, revoked, waiting] = [await make(), await make(), await make(), await make()];
      const short = await make({ expires_in_days: 10 });
      const mine = [told, rotated, revoked, waiting, short].map((key) => key.key_id);
      const found = async (by: Date) =>
        (await store.dueForRotation(by, 1000)).map((key) => key.key_id).filter((id) => mine.includes(id));
      expect(await found(new Date(due.getTime() - 1))).toEqual([]);
      expect((await found(due)).sort()).toEqual([told, rotated, revoked, waiting].map((key) => key.key_id).sort());

      const telling = tellOfRotation(told, due);
      const revoking = revokeKey(revoked, owner, due);
      const rotating = rotateKey({ ...maker, now: due }, owner, rotated);
      if (!telling || !revoking || rotating.outcome === 'refused') throw new Error('nothing to do');
      await store.save(told, telling.after, telling.record);
      await store.save(revoked, revoking.after, revoking.record);
      const { successor, after, record } = rotating;
      await store.replace(rotated, after, record, { key: successor.row, record: successor.record });
      expect(await found(due)).toEqual([waiting.key_id]);
      expect(await store.get(told.key_id)).toEqual(telling.after);
    });
  });
}
