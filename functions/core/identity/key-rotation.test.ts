import { describe, expect, it } from 'vitest';
import { actorOf, identityOf, NOW } from '../../../test/support/entities.ts';
import { memoryApiKeys } from '../../../test/support/memory/api-keys.ts';
import { randomHex } from '../../../test/support/random.ts';
import { findChainFault } from '../audit/chain.ts';
import type { Email } from '../notification/email.ts';
import { type TellingParts, tellOwners as tell } from './key-rotation.ts';
import { type ApiKeyStore, makeKey, revokeKey, rotateKey } from './keys.ts';

const DAY_MS = 24 * 3600_000;
const later = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);
const owner = actorOf(['developer']);
const maker = { settings: { auto_rotation_days: 90, overlap_hours: 72, max_per_user: 50 }, randomHex, now: NOW };

async function added(store: ApiKeyStore, request: { expires_in_days?: number } = {}) {
  const { row, record } = makeKey(maker, owner, { name: 'ci', ...request });
  await store.create(row, record);
  return row;
}

const nobody: Omit<TellingParts, 'keys'> = { identities: { get: async () => null }, mail: null, onUnsent: () => {} };
const tellOwners = (keys: TellingParts['keys'], now: Date, more: Partial<TellingParts> = {}) =>
  tell({ ...nobody, keys, ...more }, now);

describe('the owner of a key that is due for rotation', () => {
  it('is told once, with a record of it, however often and by how many one looks', async () => {
    const store = memoryApiKeys();
    const { key_id: id } = await added(store);
    expect(await tellOwners(store, later(89))).toEqual([]);
    const told = await Promise.all([tellOwners(store, later(90)), tellOwners(store, later(90))]);
    expect(told.flat()).toEqual([id]);
    expect(await tellOwners(store, later(91))).toEqual([]);
    const row = await store.get(id);
    expect(row?.rotation_told_at).toBe(later(90).toISOString());
    expect(store.audit.map(({ action }) => action)).toEqual(['key_created', 'key_rotation_due']);
    expect(row && findChainFault(store.audit, row)).toBeNull();
  });

  it('is told even when nobody looked until it was over', async () => {
    const store = memoryApiKeys();
    const { key_id: id } = await added(store);
    expect(await tellOwners(store, later(200))).toEqual([id]);
  });

  it('is told nothing of one that was rotated, revoked, or ends before it is due', async () => {
    const store = memoryApiKeys();
    await added(store, { expires_in_days: 30 });
    const gone = await added(store);
    const revoked = revokeKey(gone, owner, NOW);
    if (!revoked) throw new Error('nothing to revoke');
    await store.save(gone, revoked.after, revoked.record);
    const old = await added(store);
    const rotated = rotateKey({ ...maker, now: later(80) }, owner, old);
    if (rotated.outcome === 'refused') throw new Error(rotated.detail);
    const { successor, after, record } = rotated;
    await store.replace(old, after, record, { key: successor.row, record: successor.record });
    expect(await tellOwners(store, later(100))).toEqual([]);
    expect(await tellOwners(store, later(170))).toEqual([successor.row.key_id]);
  });

  it('is told the next time, when somebody changes the key at that moment', async () => {
    const store = memoryApiKeys();
    const { key_id: id } = await added(store);
    const save = async () => 'conflict' as const;
    expect(await tellOwners({ ...store, save }, later(90))).toEqual([]);
    expect(await tellOwners(store, later(90))).toEqual([id]);
  });

  it('gets a mail, before it counts as told; one that cannot be sent is tried again while the key works', async () => {
    const store = memoryApiKeys();
    const { key_id: id } = await added(store);
    const identities = { get: async () => identityOf(owner.user_id, { email: 'dev@example.org' }) };
    const sent: [string, Email][] = [];
    const unsent: string[] = [];
    const onUnsent = (keyId: string) => void unsent.push(keyId);
    const fails = async () => {
      throw new Error('no mail today');
    };
    expect(await tellOwners(store, later(90), { identities, mail: fails, onUnsent })).toEqual([]);
    expect(unsent).toEqual([id]);
    const mail = async (to: string, email: Email) => void sent.push([to, email]);
    expect(await tellOwners(store, later(91), { identities, mail, onUnsent })).toEqual([id]);
    expect(await tellOwners(store, later(91), { identities, mail, onUnsent })).toEqual([]);
    expect(sent).toMatchObject([
      ['dev@example.org', { subject: 'Your API key "ci" is due for rotation', text: expect.stringContaining(id) }],
    ]);
    const late = await added(store);
    expect(await tellOwners(store, later(200), { identities, mail: fails, onUnsent })).toEqual([late.key_id]);
  });
});
