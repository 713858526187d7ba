import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actorOf, identityOf, NOW } from '../../../test/support/entities.ts';
import { memoryApiKeys } from '../../../test/support/memory/api-keys.ts';
import { randomHex } from '../../../test/support/random.ts';
import { API_KEY_PATTERN } from '../../contracts/api-key.ts';
import { findChainFault } from '../audit/chain.ts';
import { formatKey, idInKey, makeKey, revokeKey, rotateKey, statusOf, verifyKey } from './keys.ts';

const DAY_MS = 24 * 3600_000;
const later = (milliseconds: number): Date => new Date(NOW.getTime() + milliseconds);
const settings = { auto_rotation_days: 90, overlap_hours: 72, max_per_user: 50 };
const maker = (now = NOW) => ({ settings, randomHex, now });
const developer = actorOf(['developer']);

function rotated(...given: Parameters<typeof rotateKey>) {
  const answer = rotateKey(...given);
  if (answer.outcome === 'refused') throw new Error(answer.detail);
  return answer;
}

describe('the text of a key', () => {
  const hex = (digits: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });

  it('names its id, and one wrong character anywhere is noticed', () => {
    fc.assert(
      fc.property(
        hex(24),
        hex(64),
        fc.nat({ max: 100 }),
        fc.constantFrom(...'0123456789abcdefxA_- '),
        (id, secret, at, other) => {
          const key = formatKey(id, secret);
          expect(key).toMatch(API_KEY_PATTERN);
          expect(idInKey(key)).toBe(`key_${id}`);
          const changed = key.slice(0, at) + other + key.slice(at + 1);
          if (changed !== key) expect(idInKey(changed)).toBeNull();
        },
      ),
    );
  });

  it('is found in any text by the pattern that operators give a scanner of secrets', () => {
    const runbook = readFileSync(join(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');
    const pattern = /Keys match `([^`]+)`/.exec(runbook)?.[1];
    if (pattern === undefined) throw new Error('the runbook names no pattern');
    const key = formatKey(randomHex(24), randomHex(64));
    for (const text of [`KEY=${key}`, `{"key":"${key}"}`, `curl -H 'x-api-key: ${key}' https://x`])
      expect(text.match(new RegExp(pattern, 'g'))).toEqual([key]);
  });

  it.each(['', 'alk_', 'alk_x_y', 'key_0', `alk_${'0'.repeat(24)}_${'0'.repeat(72)}`])('%j is none', (text) => {
    expect(idInKey(text)).toBeNull();
  });
});

describe('the life of a key', () => {
  const made = makeKey(maker(), developer, { name: 'ci' }).row;

  it('is active, then due for rotation, then over, whether or not anybody rotated it', () => {
    expect(statusOf(made, later(89 * DAY_MS))).toBe('active');
    expect(statusOf(made, later(90 * DAY_MS))).toBe('rotation_due');
    expect(statusOf(made, later(93 * DAY_MS - 1))).toBe('rotation_due');
    expect(statusOf(made, later(93 * DAY_MS))).toBe('expired');
  });

  it('ends when it was asked to end, and so does that of its successors', () => {
    const short = makeKey(maker(), developer, { name: 'ci', expires_in_days: 10 }).row;
    expect(statusOf(short, later(10 * DAY_MS - 1))).toBe('active');
    expect(statusOf(short, later(10 * DAY_MS))).toBe('expired');
    const { successor, after } = rotated(maker(later(DAY_MS)), developer, short);
    expect(successor.row.ends_at).toBe(short.ends_at);
    expect(after.ends_at).toBe(later(4 * DAY_MS).toISOString());
  });

  it('ends when it was asked to end also where that is after several rotations, whatever the settings are by then', () => {
    let row = makeKey(maker(), developer, { name: 'ci', expires_in_days: 200 }).row;
    for (const day of [92, 180]) {
      const rotation = {
        settings: { auto_rotation_days: 90, overlap_hours: day, max_per_user: 50 },
        randomHex,
        now: later(day * DAY_MS),
      };
      row = rotated(rotation, developer, row).successor.row;
    }
    expect(row.ends_at).toBe(later(200 * DAY_MS).toISOString());
  });

  it('overlaps with its successor, which has the same scope and a time of its own', () => {
    const key = makeKey(maker(), developer, { name: 'ci', resources: { labels: ['a'] } }).row;
    const { after, successor } = rotated(maker(later(91 * DAY_MS)), developer, key);
    expect(statusOf(after, later(91 * DAY_MS))).toBe('rotated');
    expect(statusOf(after, later(93 * DAY_MS))).toBe('expired');
    expect(successor.row).toMatchObject({ resources: { labels: ['a'] }, name: 'ci', predecessor_id: key.key_id });
    expect(successor.row.permissions).toEqual(key.permissions);
    expect(statusOf(successor.row, later(180 * DAY_MS))).toBe('active');
  });

  it('is rotated once, and not after its end', () => {
    const { after } = rotated(maker(), developer, made);
    expect(rotateKey(maker(), developer, after)).toMatchObject({ outcome: 'refused' });
    expect(rotateKey(maker(later(100 * DAY_MS)), developer, made)).toMatchObject({ outcome: 'refused' });
    const revoked = revokeKey(made, developer, NOW);
    expect(rotateKey(maker(), developer, revoked?.after ?? made)).toMatchObject({ outcome: 'refused' });
  });

  it('is told whole by its audit chain', () => {
    const first = makeKey(maker(), developer, { name: 'ci' });
    const second = rotated(maker(), developer, first.row);
    const third = revokeKey(second.after, actorOf(['admin'], 'admin-1'), NOW);
    if (!third) throw new Error('nothing to revoke');
    expect(findChainFault([first.record, second.record, third.record], third.after)).toBeNull();
    expect(JSON.stringify([first.record, second.record])).not.toContain(first.key.slice(30));
  });
});

describe('a key is looked up', () => {
  async function stores() {
    const keys = memoryApiKeys();
    const made = makeKey(maker(), developer, { name: 'ci' });
    await keys.create(made.row, made.record);
    const people = new Map([['user-1', identityOf('user-1', { roles: ['developer'] })]]);
    const calls: string[] = [];
    return {
      made,
      keys,
      people,
      calls,
      counted: {
        keys: {
          get: (id: string) => {
            calls.push('key');
            return keys.get(id);
          },
        },
        identities: {
          get: async (id: string) => {
            calls.push('identity');
            return people.get(id) ?? null;
          },
        },
      },
    };
  }

  it('and found with its owner', async () => {
    const { counted, made } = await stores();
    expect(await verifyKey(counted, made.key, NOW)).toMatchObject({
      key: { key_id: made.row.key_id },
      owner: { user_id: 'user-1' },
    });
  });

  it('with the same calls, whatever is wrong with it', async () => {
    const { counted, made, keys, people, calls } = await stores();
    const attempt = async (text: string, now = NOW) => {
      calls.length = 0;
      expect(await verifyKey(counted, text, now)).toBeNull();
      expect(calls).toEqual(['key', 'identity']);
    };
    await attempt(formatKey(randomHex(24), randomHex(64)));
    await attempt(formatKey(made.row.key_id.slice(4), randomHex(64)));
    await attempt(made.key, later(94 * DAY_MS));
    people.set('user-1', identityOf('user-1', { disabled: true }));
    await attempt(made.key);
    people.clear();
    await attempt(made.key);
    people.set('user-1', identityOf('user-1'));
    const revoked = revokeKey(made.row, developer, NOW);
    if (revoked) await keys.save(made.row, revoked.after, revoked.record);
    await attempt(made.key);
  });
});
