import { describe, expect, it } from 'vitest';
import { actorOf, NOW } from '../../../test/support/entities.ts';
import { memoryApiKeys } from '../../../test/support/memory/api-keys.ts';
import { countedCalls } from '../../../test/support/port-calls.ts';
import { randomHex } from '../../../test/support/random.ts';
import type { Actor } from '../../core/identity/actor.ts';
import { makeKey } from '../../core/identity/keys.ts';
import { ApiError, problemOf } from '../../runtime/errors.ts';
import { type KeyParts, listApiKeys, revokeApiKey, rotateApiKey } from './keys.ts';

const settings = { auto_rotation_days: 90, overlap_hours: 72, max_per_user: 50 };
const stranger = actorOf(['developer'], 'user-9');
const ofStranger: Actor = { ...stranger, credential: { kind: 'api_key', key_id: `key_${'9'.repeat(24)}`, resources: {} } };
const requestOf = (actor: Actor, keyId: string) => ({
  ...{ actor, params: { key_id: keyId }, query: undefined, body: undefined, headers: {}, requestId: 'r', clientAddress: '' },
});

async function world() {
  const { counted, during } = countedCalls();
  const keys = memoryApiKeys();
  const theirs = makeKey({ settings, randomHex, now: NOW }, actorOf(['developer'], 'user-1'), { name: 'ci' });
  await keys.create(theirs.row, theirs.record);
  const looked: string[] = [];
  const parts: KeyParts = {
    keys: counted('keys', keys),
    usage: counted('usage', { note: async () => 'noted', of: async () => new Map() }),
    ...{ settings, environments: [], now: () => NOW, lookAgainAt: async (userId: string) => void looked.push(userId) },
  };
  return { parts, during, theirs: theirs.row.key_id, looked };
}

describe('a key of somebody else', () => {
  it.each([
    ['revoking', revokeApiKey],
    ['rotating', rotateApiKey],
  ])('is told apart from none by nothing: neither the answer to %s it nor what is asked of the store', async (_, act) => {
    const { parts, during, theirs, looked } = await world();
    for (const actor of [stranger, ofStranger]) {
      const refusals: unknown[] = [];
      const attempt = async (keyId: string) => {
        const error = await act(parts, requestOf(actor, keyId)).catch((refusal: unknown) => refusal);
        if (!(error instanceof ApiError)) throw new Error(`${keyId} was not refused`);
        refusals.push(problemOf(error, 'r'));
      };
      const [ofTheirs, ofNone] = [await during(() => attempt(theirs)), await during(() => attempt(`key_${randomHex(24)}`))];
      expect(ofTheirs).toEqual(ofNone);
      expect(ofNone).toEqual(['keys.get']);
      expect(refusals[0]).toEqual(refusals[1]);
      expect(refusals[0]).toMatchObject({ status: 404 });
    }
    expect(looked).toEqual([]);
  });

  it('is in no list, and looking for it asks the store as little as looking for those of nobody', async () => {
    const { parts, during } = await world();
    const lists: unknown[] = [];
    const listOf = (user_id: string) =>
      during(async () =>
        lists.push(await listApiKeys(parts, { ...requestOf(stranger, ''), params: undefined, query: { user_id } })),
      );
    expect(await listOf('user-1')).toEqual(await listOf('nobody'));
    expect(lists).toEqual(Array.from({ length: 2 }, () => ({ status: 200, body: { api_keys: [], next_cursor: null } })));
  });
});
