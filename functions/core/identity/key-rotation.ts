/**
 * The owner of a key that is due for rotation is told once: the key's row says when, and its audit chain holds the record. Whoever brings
 * messages to people goes by that record.
 */
import type { ApiKeyRecord } from '../../contracts/api-key.ts';
import { appendToChain } from '../audit/chain.ts';
import type { ApiKeyStore, KeyChange } from './keys.ts';

/** Whether there will be something to say. One that ends before it is due, was rotated or revoked needs no rotation. */
export const isWatched = (key: ApiKeyRecord): boolean =>
  key.rotation_told_at === null && key.successor_id === null && key.revoked_at === null && key.rotation_due_at < key.ends_at;

/** Null where there is nothing to say, or not yet. A key that ended meanwhile is told of as well: its owner should know why. */
export function tellOfRotation(before: ApiKeyRecord, now: Date): KeyChange | null {
  const at = now.toISOString();
  if (!isWatched(before) || at < before.rotation_due_at) return null;
  const { record, end } = appendToChain(before.key_id, before, {
    action: 'key_rotation_due',
    actor: 'airlock',
    at,
    details: { owner_id: before.owner_id, ends_at: before.ends_at },
  });
  return { after: { ...before, rotation_told_at: at, ...end }, record };
}

const AT_ONCE = 100;

/** A key that somebody changes at the same moment is looked at again next time. */
export async function tellOwners(keys: Pick<ApiKeyStore, 'dueForRotation' | 'save'>, now: Date): Promise<string[]> {
  const told: string[] = [];
  for (const before of await keys.dueForRotation(now, AT_ONCE)) {
    const change = tellOfRotation(before, now);
    if (change && (await keys.save(before, change.after, change.record)) === 'saved') told.push(before.key_id);
  }
  return told;
}
