import { describe, expect, it } from 'vitest';
import { actorOf, identityOf, NOW } from '../../../test/support/entities.ts';
import { memorySecurity } from '../../../test/support/memory/security.ts';
import type { Actor } from '../identity/actor.ts';
import { respond } from '../security/responses.ts';
import { currentHolder, type LookAgainParts, lookAgainAt } from './look-again.ts';

/** Connections by name: who holds them now, and what they follow. */
function world(connections: Record<string, { holder: Actor | null | 'fault'; topics: string[]; isGone?: boolean }>) {
  const closed: string[] = [];
  const forgotten: string[] = [];
  const posted: string[] = [];
  const failed: string[] = [];
  const one = (name: string) => connections[name] ?? { holder: null, topics: [], isGone: false };
  const parts: LookAgainParts = {
    store: {
      connectionsOf: async () => Object.keys(connections),
      topicsOf: async (name) => [...one(name).topics],
      disconnect: async (name) => void forgotten.push(name),
      unsubscribe: async (topic, name) => {
        one(name).topics = one(name).topics.filter((other) => other !== topic);
      },
    },
    holderOf: async (name) => {
      const { holder } = one(name);
      if (holder === 'fault') throw new Error('the table did not answer');
      return holder;
    },
    mayFollow: async (actor, topic) => actor.permissions.includes('view_results') || topic.endsWith('own'),
    close: async (name) => void closed.push(name),
    post: async (name, text) => {
      posted.push(`${name} ${text}`);
      return one(name).isGone ? 'gone' : 'sent';
    },
    onFailure: (name) => failed.push(name),
  };
  return { parts, closed, forgotten, posted, failed, topicsOf: (name: string) => one(name).topics };
}

const developer = actorOf(['developer']);
const viewer = actorOf(['viewer']);

describe('when rights were taken away', () => {
  it('a connection that nothing is left of is closed', async () => {
    const { parts, closed, forgotten } = world({
      a: { holder: null, topics: ['execution:own'] },
      b: { holder: viewer, topics: [] },
    });
    expect(await lookAgainAt(parts, 'user-1')).toEqual({ closed: ['a'], ended: 0 });
    expect([closed, forgotten]).toEqual([['a'], ['a']]);
  });

  it('another follows no more than what its holder may still see, and is told so', async () => {
    const { parts, posted, topicsOf, closed } = world({
      a: { holder: developer, topics: ['execution:theirs', 'execution:own'] },
      b: { holder: viewer, topics: ['execution:theirs'] },
    });
    expect(await lookAgainAt(parts, 'user-1')).toEqual({ closed: [], ended: 1 });
    expect(topicsOf('a')).toEqual(['execution:own']);
    expect(topicsOf('b')).toEqual(['execution:theirs']);
    expect(posted).toEqual(['a {"type":"unsubscribed","topic":"execution:theirs"}']);
    expect(closed).toEqual([]);
  });

  it('one that cannot be looked at keeps no other open, and all are looked at again', async () => {
    const { parts, closed, failed } = world({ a: { holder: 'fault', topics: [] }, b: { holder: null, topics: [] } });
    await expect(lookAgainAt(parts, 'user-1')).rejects.toThrow('1 connections');
    expect([closed, failed]).toEqual([['b'], ['a']]);
  });

  it('one that is gone already is forgotten', async () => {
    const { parts, forgotten } = world({ a: { holder: developer, topics: ['execution:theirs'], isGone: true } });
    await lookAgainAt(parts, 'user-1');
    expect(forgotten).toEqual(['a']);
  });
});

describe('the holder of a connection', () => {
  it('made with a key that is suspended is nobody, until the suspension ends', async () => {
    const security = memorySecurity();
    const key_id = `key_${'1'.repeat(24)}`;
    const owner = { ...identityOf('user-1'), roles: ['developer'] };
    const open = { second_factor: false, expires_at: '2027-01-01T00:00:00.000Z', ended: false };
    const at = (now: Date) => ({ mfaRoles: [], now });
    const stores = {
      identities: { get: async () => owner, admins: async () => [] },
      holders: {
        get: async (user_id: string, session_id: string) => ({ identity: owner, session: { user_id, session_id, ...open } }),
      },
      keys: { get: async () => null },
      restrictions: security.restrictions,
    };
    const byKey = actorOf(['developer'], 'user-1', { credential: { kind: 'api_key', key_id, resources: {} } });
    const own = actorOf(['developer']);
    const later = new Date(NOW.getTime() + 1000);
    const granted = { developer: ['execute_code'] } as const;
    const key = {
      ...{ key_id, owner_id: 'user-1', name: 'x', sha256: 'a'.repeat(64), permissions: ['execute_code' as const], resources: {} },
      ...{ created_at: NOW.toISOString(), expires_at: null, rotation_due_at: '2027-01-01T00:00:00.000Z', rotation_told_at: null },
      ...{ ends_at: '2027-01-02T00:00:00.000Z', successor_id: null, predecessor_id: null, revoked_at: null },
      ...{ audit_length: 0, audit_head: '' as const },
    };
    const withKey = { ...stores, keys: { get: async () => key } };
    expect(await currentHolder(withKey, byKey, granted, at(later))).toMatchObject({ user_id: 'user-1' });
    await respond(
      { ...security, ...stores, ownerOfKey: async () => 'user-1', endSessions: async () => {}, lookAgainAt: async () => {} },
      {
        ...{ response_id: 'rsp_01900000-0000-7000-8000-000000000000', kind: 'suspend_key', subject: { key_id } },
        ...{ reason: 'test', severity: 'high', minutes: 10 },
      },
      { actor: 'admin', automatic: false },
      NOW,
    );
    expect(await currentHolder(withKey, byKey, granted, at(later))).toBeNull();
    expect(await currentHolder(withKey, own, granted, at(later))).toMatchObject({ user_id: 'user-1' });
    expect(await currentHolder(withKey, byKey, granted, at(new Date(NOW.getTime() + 11 * 60_000)))).not.toBeNull();
  });
});
