import { describe, expect, it } from 'vitest';
import { identityOf } from '../../../test/support/entities.ts';
import type { SecurityResponse } from '../../contracts/security-event.ts';
import { EMPTY_CHAIN } from '../audit/chain.ts';
import type { Email } from '../notification/email.ts';
import { tellOfResponses } from './tell.ts';

const KEY = `key_${'1'.repeat(24)}`;
const responseOf = (number: number, more: Pick<SecurityResponse, 'kind' | 'subject'>): SecurityResponse => ({
  response_id: `rsp_01900000-0000-7000-8000-00000000000${number}`,
  ...more,
  ...{ reason: 'account spray: 8 accounts', severity: 'critical', automatic: true, created_by: 'airlock' },
  ...{ created_at: '2026-11-23T10:00:00.000Z', ends_at: '2026-11-23T10:15:00.000Z', reversed_at: null, reversed_by: null },
  ...EMPTY_CHAIN,
});
const blocked = responseOf(1, { kind: 'block_address', subject: { address: '203.0.113.9' } });
const suspended = responseOf(2, { kind: 'suspend_key', subject: { key_id: KEY } });
const signedOut = responseOf(3, { kind: 'require_sign_in', subject: { user_id: 'ada' } });
const slowed = responseOf(4, { kind: 'slow_down', subject: { user_id: 'eve' } });

async function told(made: readonly SecurityResponse[], failing: string | null = null) {
  const people = ['boss', 'deputy', 'owner', 'ada', 'eve'].map((id) => identityOf(id));
  const sent = new Map<string, Email[]>();
  const unsentTo: string[] = [];
  const unsent = await tellOfResponses(
    {
      identities: {
        get: async (id) => people.find(({ user_id }) => user_id === id) ?? null,
        admins: async () => ['boss', 'deputy'],
      },
      ownerOfKey: async (id) => (id === KEY ? 'owner' : null),
      mail: async (to, email) => {
        if (to === failing) throw new Error('the mail server is away');
        sent.set(to, [...(sent.get(to) ?? []), email]);
      },
      onUnsent: (userId) => unsentTo.push(userId),
    },
    made,
  );
  return { sent, unsent, unsentTo };
}

describe('responses made of their own accord', () => {
  it('are told to each admin in one mail, with what was done, why, until when, and how to take it back', async () => {
    const made = [blocked, suspended, signedOut, slowed];
    const { sent } = await told(made);
    for (const admin of ['boss@airlock.test', 'deputy@airlock.test']) {
      const [mail, ...more] = sent.get(admin) ?? [];
      expect(more).toEqual([]);
      for (const { response_id, ends_at } of made)
        for (const text of [mail?.text, mail?.html]) {
          expect(text).toContain(`/api/v1/security/responses/${response_id}/reverse`);
          expect(text).toContain(ends_at);
          expect(text).toContain('account spray: 8 accounts');
        }
    }
  });

  it('are told to whoever lost a key or their sessions, without why, and to nobody who is only slowed down', async () => {
    const { sent } = await told([suspended, signedOut, slowed, blocked]);
    expect(sent.get('owner@airlock.test')).toMatchObject([{ text: expect.stringContaining(KEY) }]);
    expect(sent.get('ada@airlock.test')).toMatchObject([{ text: expect.stringContaining('Sign in again') }]);
    for (const address of ['owner@airlock.test', 'ada@airlock.test'])
      expect(sent.get(address)?.[0]?.text).not.toMatch(/account spray|203\.0\.113\.9/);
    expect(sent.has('eve@airlock.test')).toBe(false);
  });

  it('are told to the others though one mail fails, which is counted', async () => {
    const { sent, unsent, unsentTo } = await told([blocked], 'boss@airlock.test');
    expect([unsent, unsentTo]).toEqual([1, ['boss']]);
    expect(sent.has('deputy@airlock.test')).toBe(true);
  });

  it('are nobody’s mail where there are none', async () => {
    expect((await told([])).sent.size).toBe(0);
  });
});
