import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ApiKeyStore, makeKey, revokeKey, rotateKey, statusOf } from '../../functions/core/identity/keys.ts';
import { actorOf, NOW } from '../support/entities.ts';

const maker = {
  settings: { auto_rotation_days: 90, overlap_hours: 72 },
  randomHex: (digits: number) => randomBytes(digits / 2).toString('hex'),
  now: NOW,
};

export function apiKeyStoreContract(name: string, open: () => Promise<ApiKeyStore>): void {
  describe(`API keys in ${name}`, () => {
    const added = async (store: ApiKeyStore, ownerId: string) => {
      const made = makeKey(maker, actorOf(['developer'], ownerId), { name: 'ci', resources: { labels: ['nightly'] } });
      await store.create(made.row, made.record);
      return made.row;
    };

    it('come back as they were made, and are listed for their owner, page by page', async () => {
      const store = await open();
      const owner = randomUUID();
      const keys = [await added(store, owner), await added(store, owner), await added(store, owner)];
      await added(store, randomUUID());
      for (const key of keys) expect(await store.get(key.key_id)).toEqual(key);
      const first = await store.listOf(owner, 2, null);
      const second = await store.listOf(owner, 2, first.cursor);
      expect([...first.items, ...second.items]).toEqual(keys.toSorted((a, b) => a.key_id.localeCompare(b.key_id)));
      expect(await store.get(`key_${'0'.repeat(24)}`)).toBeNull();
    });

    it('have one successor, however many rotate at once', async () => {
      const store = await open();
      const before = await added(store, randomUUID());
      const rotate = async () => {
        const rotated = rotateKey(maker, 'owner', before);
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
      const change = revokeKey(before, 'owner', NOW);
      if (!change) throw new Error('nothing to revoke');
      expect(await store.save(before, change.after, change.record)).toBe('saved');
      expect(await store.save(before, change.after, change.record)).toBe('conflict');
      const after = await store.get(before.key_id);
      expect(after && statusOf(after, NOW)).toBe('revoked');
      expect(after && revokeKey(after, 'owner', NOW)).toBeNull();
    });
  });
}
