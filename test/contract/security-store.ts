import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ResponseSubject, SecurityResponse } from '../../functions/contracts/security-event.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { eventOf } from '../../functions/core/security/events.ts';
import { respond, reverse, subjectName } from '../../functions/core/security/responses.ts';
import { NOW } from '../support/entities.ts';
import { memoryIdentities } from '../support/memory/identities.ts';
import type { SecurityStores } from '../support/memory/security.ts';

const later = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

export function securityStoreContract(name: string, open: () => Promise<SecurityStores>): void {
  describe(`security in ${name}`, () => {
    let stores: SecurityStores;
    beforeAll(async () => {
      stores = await open();
    });
    const draft = (source_ip: string, more: object = {}) => ({
      ...{ event_type: 'permission_denied' as const, source_ip, user_id: null, key_id: null, endpoint: 'execute' },
      ...{ severity: 'low' as const, details: {} },
      ...more,
    });
    const made = async (
      subject: ResponseSubject,
      kind: 'slow_down' | 'block_address' = 'slow_down',
      now = NOW,
      minutes = 10,
    ): Promise<SecurityResponse> => {
      const response = await respond(
        {
          ...stores,
          identities: memoryIdentities(),
          ...{ ownerOfKey: async () => null, endSessions: async () => {}, lookAgainAt: async () => {} },
        },
        { response_id: `rsp_${v7()}`, kind, subject, reason: 'test', severity: 'high', minutes },
        { actor: 'admin', automatic: true },
        now,
      );
      if (!response) throw new Error('there is one of this id already');
      return response;
    };

    it('counts what is the same within a minute, and keeps apart what is not', async () => {
      const ip = randomUUID();
      const adds = [eventOf(draft(ip), NOW), eventOf(draft(ip), later(59)), eventOf(draft(ip), later(61))];
      const isNew: boolean[] = [];
      for (const event of adds) isNew.push(await stores.events.add(event));
      expect(isNew).toEqual([true, false, true]);
      await stores.events.add(eventOf(draft(ip, { endpoint: 'me' }), NOW));
      const filter = { source_ip: ip, from: NOW.toISOString(), to: later(600).toISOString() };
      const { items } = await stores.events.list(filter, 10, null);
      expect(items.map(({ endpoint, count }) => `${endpoint} ${count}`).sort()).toEqual(['execute 1', 'execute 2', 'me 1']);
    });

    it('lists by filter, newest first, page by page, and gives a window to the watch', async () => {
      const ip = randomUUID();
      const user = randomUUID();
      for (const seconds of [0, 120, 240, 360])
        await stores.events.add(eventOf(draft(ip, { user_id: user, severity: seconds > 200 ? 'high' : 'low' }), later(seconds)));
      const filter = { source_ip: ip, from: NOW.toISOString(), to: later(600).toISOString() };
      const times: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof stores.events.list>> = await stores.events.list(filter, 3, cursor);
        times.push(...page.items.map(({ timestamp }) => timestamp));
        cursor = page.cursor;
      } while (cursor !== null);
      expect(times).toEqual([360, 240, 120, 0].map((seconds) => later(seconds).toISOString()));
      expect((await stores.events.list({ ...filter, severity: 'high' }, 10, null)).items).toHaveLength(2);
      expect((await stores.events.list({ ...filter, user_id: randomUUID() }, 10, null)).items).toHaveLength(0);
      const window: string[] = [];
      for await (const event of stores.events.since(later(100), later(300)))
        if (event.source_ip === ip) window.push(event.timestamp);
      expect(window.sort()).toEqual([120, 240].map((seconds) => later(seconds).toISOString()));
    });

    it('restricts a subject from the response on, until it ends or is reversed, and nobody else', async () => {
      const subject = { address: `203.0.113.${Math.floor(Math.random() * 250)}` };
      const name = subjectName(subject);
      const slow = await made(subject);
      await made(subject, 'block_address');
      expect([...(await stores.restrictions.of(name, later(60))).keys()].sort()).toEqual(['block_address', 'slow_down']);
      expect((await stores.restrictions.of(subjectName({ user_id: randomUUID() }), later(60))).size).toBe(0);
      const by = { actor: 'admin', reason: 'a mistake' };
      expect(await reverse(stores.responses, slow, by, later(60))).toMatchObject({ reversed_by: 'admin' });
      expect([...(await stores.restrictions.of(name, later(61))).keys()]).toEqual(['block_address']);
      expect((await stores.restrictions.of(name, later(601))).size).toBe(0);
      expect(await reverse(stores.responses, slow, by, later(62))).toBe('conflict');
      const listed = (await stores.responses.list(200, null)).items.map(({ response_id }) => response_id);
      expect(listed).toContain(slow.response_id);
      expect(listed).toEqual(listed.toSorted().reverse());
    });

    it('keeps and lists a response about a network of IPv6 like any other', async () => {
      const digits = () => Math.floor(1 + Math.random() * 0xfffe).toString(16);
      const subject = { address: `2001:db8:${digits()}:${digits()}::/64` };
      const response = await made(subject, 'block_address');
      expect(await stores.responses.get(response.response_id)).toMatchObject({ subject });
      const listed = (await stores.responses.list(200, null)).items;
      expect(listed.find(({ response_id }) => response_id === response.response_id)?.subject).toEqual(subject);
      expect((await stores.restrictions.of(subjectName(subject), later(60))).has('block_address')).toBe(true);
    });

    it('a shorter response does not shorten a longer one, and the end of the longer leaves the shorter', async () => {
      const subject = { user_id: randomUUID() };
      const endOf = async (at: Date) => (await stores.restrictions.of(subjectName(subject), at)).get('slow_down');
      const long = await made(subject, 'slow_down', NOW, 60);
      const short = await made(subject, 'slow_down', later(30), 5);
      expect(await endOf(later(60))).toBe(long.ends_at);
      await reverse(stores.responses, long, { actor: 'admin', reason: 'x' }, later(60));
      expect(await endOf(later(61))).toBe(short.ends_at);
    });

    it('makes a response once, whoever tries at the same time', async () => {
      const subject = { user_id: randomUUID() };
      const response = await made(subject);
      const { record } = appendToChain(response.response_id, EMPTY_CHAIN, {
        ...{ action: 'responded', actor: 'somebody else', at: NOW.toISOString(), details: {} },
      });
      expect(await stores.responses.create({ ...response, reason: 'another' }, record)).toBe('exists');
      expect(await stores.responses.get(response.response_id)).toEqual(response);
    });

    it('reverses one response without lifting a later one about the same', async () => {
      const subject = { user_id: randomUUID() };
      const first = await made(subject);
      await made(subject, 'slow_down', later(30));
      await reverse(stores.responses, first, { actor: 'admin', reason: 'x' }, later(60));
      expect((await stores.restrictions.of(subjectName(subject), later(61))).has('slow_down')).toBe(true);
    });

    it('remembers for a day from where admins came', async () => {
      const address = randomUUID();
      expect(await stores.adminAddresses.has(address, NOW)).toBe(false);
      await stores.adminAddresses.note(address, NOW);
      expect(await stores.adminAddresses.has(address, later(3600))).toBe(true);
      expect(await stores.adminAddresses.has(address, later(24 * 3600 + 1))).toBe(false);
    });
  });
}
