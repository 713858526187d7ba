import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { NOW } from '../../../test/support/entities.ts';
import { memoryIdentities } from '../../../test/support/memory/identities.ts';
import { memorySecurity } from '../../../test/support/memory/security.ts';
import { type ResponseKind, responseId, type SecurityEvent, securityResponse } from '../../contracts/security-event.ts';
import { rememberSignIn } from '../identity/remember.ts';
import { endSessionsOf } from '../identity/sign-in.ts';
import { detectAnomalies } from './anomalies.ts';
import { accountDigest, eventOf, type SecurityEventDraft } from './events.ts';
import { type MonitorParts, watch } from './monitor.ts';
import { misfit, reverse, subjectName } from './responses.ts';

const { anomalies: limits } = configuration.security.monitoring;
const later = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

const draft = (more: Partial<SecurityEventDraft> = {}): SecurityEventDraft => ({
  ...{ event_type: 'permission_denied', source_ip: '203.0.113.9', user_id: null, key_id: null, endpoint: 'me' },
  ...{ severity: 'low', details: {} },
  ...more,
});
const counted = (count: number, more: Partial<SecurityEventDraft> = {}): SecurityEvent => ({
  ...eventOf(draft(more), NOW),
  count,
});
const failedLogin = (email: string, count: number, source_ip = '203.0.113.9') =>
  counted(count, {
    event_type: 'authentication_failure',
    endpoint: 'login',
    source_ip,
    details: { account: accountDigest(email) },
  });

describe('what stands out', () => {
  it.each([
    ['many wrong passwords on one account', [failedLogin('a@b.c', 10)], 'failed_logins'],
    ['one address that tries many accounts', Array.from({ length: 8 }, (_, n) => failedLogin(`${n}@b.c`, 1)), 'account_spray'],
    [
      'a caller who tries one door after the other',
      Array.from({ length: 20 }, (_, n) => counted(1, { user_id: 'user-1', endpoint: `route-${n}` })),
      'permission_probing',
    ],
    ['a burst of refusals', [counted(100, { event_type: 'rate_limit_exceeded' })], 'denial_burst'],
  ])('%s', (_, events, rule) => {
    expect(detectAnomalies(events, limits).map((anomaly) => anomaly.rule)).toContain(rule);
    const fewer = events.map((event) => ({ ...event, count: Math.max(1, event.count - 1) })).slice(events.length > 1 ? 1 : 0);
    expect(detectAnomalies(fewer, limits)).toEqual([]);
  });

  it('is never about the account that is attacked, and about no address where many take part', () => {
    const spread = Array.from({ length: 12 }, (_, n) => failedLogin('victim@b.c', 1, `203.0.113.${n}`));
    const [anomaly] = detectAnomalies(spread, limits);
    expect(anomaly).toMatchObject({ rule: 'failed_logins', subject: null });
    for (const { subject } of detectAnomalies([failedLogin('victim@b.c', 50)], limits)) expect(subject?.user_id).toBeUndefined();
  });
});

async function world(options: { admins?: string[]; mostAtOnce?: number } = {}) {
  const stores = memorySecurity();
  const identities = memoryIdentities();
  const clock = { now: NOW };
  const lookedAt: string[] = [];
  const directory = { signOut: async () => {} };
  const failed: string[] = [];
  for (const user_id of ['owner', 'user-1', ...(options.admins ?? [])]) {
    const isAdmin = options.admins?.includes(user_id) ?? false;
    const given = { user_id, email: `${user_id}@b.c`, roles: [isAdmin ? 'admin' : 'developer'], pool_username: null };
    await rememberSignIn({ identities, now: () => NOW }, { ...given, issued_at: NOW.toISOString() });
  }
  const parts: MonitorParts = {
    ...stores,
    identities,
    ownerOfKey: async (keyId) => (keyId === ADMIN_KEY ? 'boss' : 'owner'),
    endSessions: (userId, actor, reason) =>
      endSessionsOf({ identities, directory, now: () => clock.now }, userId, { actor, reason }),
    lookAgainAt: async (userId) => void lookedAt.push(userId),
    settings: { ...configuration.security.monitoring, most_at_once: options.mostAtOnce ?? 20 },
    onFailure: (what) => failed.push(what),
  };
  const kinds = async () => (await stores.responses.list(200, null)).items.map(({ kind }) => kind).sort();
  const at = async (seconds: number, more: Partial<MonitorParts> = {}) => {
    clock.now = later(seconds);
    return await watch({ ...parts, ...more }, clock.now);
  };
  const isSignedOut = async (userId: string) => (await identities.get(userId))?.valid_after !== null;
  return { stores, identities, parts, at, lookedAt, failed, kinds, isSignedOut };
}
const ADMIN_KEY = `key_${'a'.repeat(24)}`;
const KEY = `key_${'1'.repeat(24)}`;
const spray = (source_ip?: string) => Array.from({ length: 8 }, (_, n) => failedLogin(`${n}@b.c`, 2, source_ip));
const movedTo = (seconds: number, { event_id: _, timestamp: __, count, ...draft }: SecurityEvent): SecurityEvent => ({
  ...eventOf(draft, later(seconds)),
  count,
});
const probing = (who: Partial<SecurityEventDraft>, count = 1) =>
  Array.from({ length: 20 }, (_, n) => counted(count, { endpoint: `route-${n}`, ...who }));
const newNetwork = (network: string, key_id = KEY) =>
  counted(1, { event_type: 'key_new_network', user_id: 'owner', key_id, endpoint: 'any', details: { network } });
type World = Awaited<ReturnType<typeof world>>;
const happened = async ({ stores }: World, ...events: readonly SecurityEvent[]) => {
  for (const event of events) await stores.events.add(event);
};

describe('the watch', () => {
  it('blocks an address that sprays accounts, once, and says so', async () => {
    const here = await world();
    await happened(here, ...spray());
    expect(await here.at(60)).toMatchObject({ made: [{ kind: 'block_address', automatic: true }], failures: 0 });
    expect(await here.at(90)).toMatchObject({ made: [], failures: 0 });
    expect(await here.kinds()).toEqual(['block_address']);
    const seen = await here.stores.events.list(
      { event_type: 'suspicious_activity', from: NOW.toISOString(), to: later(600).toISOString() },
      10,
      null,
    );
    expect(seen.items).toMatchObject([{ severity: 'critical', endpoint: 'account_spray' }]);
    expect(here.stores.audit.map(({ action, actor }) => [action, actor])).toEqual([['responded', 'airlock']]);
    const done = await here.stores.events.list(
      { event_type: 'security_response', from: NOW.toISOString(), to: later(600).toISOString() },
      10,
      null,
    );
    expect(done.items).toMatchObject([{ endpoint: 'block_address', source_ip: '203.0.113.9', details: { automatic: true } }]);
  });

  it('blocks a network of IPv6 as any other, and goes on after it', async () => {
    const here = await world();
    await happened(here, ...spray('2001:db8:1:2::/64'), ...spray('203.0.113.77'));
    expect((await here.at(60)).made).toHaveLength(2);
    expect((await here.stores.responses.list(10, null)).items.every((row) => securityResponse.safeParse(row).success)).toBe(true);
    expect(await here.at(120)).toMatchObject({ made: [], failures: 0 });
  });

  it('slows down a caller who probes, ends nobody’s sessions for it, and does not do so twice at once', async () => {
    const here = await world();
    await happened(here, ...probing({ user_id: 'user-1' }));
    await here.at(60);
    await here.at(120, { settings: { ...here.parts.settings, window_seconds: 600 } });
    expect(await here.kinds()).toEqual(['slow_down']);
    expect(await here.isSignedOut('user-1')).toBe(false);
  });

  it('ends the sessions of whoever goes on probing, and has their connections looked at', async () => {
    const here = await world();
    await happened(here, ...probing({ user_id: 'user-1' }, 5));
    await here.at(60);
    expect(await here.kinds()).toEqual(['require_sign_in', 'slow_down']);
    expect(await here.isSignedOut('user-1')).toBe(true);
    expect(here.lookedAt).toContain('user-1');
  });

  it('ends the sessions of somebody whose refresh token was copied', async () => {
    const here = await world();
    await happened(here, counted(1, { event_type: 'credential_copied', user_id: 'user-1', endpoint: 'refresh' }));
    await here.at(60);
    expect(await here.isSignedOut('user-1')).toBe(true);
    expect(await here.isSignedOut('owner')).toBe(false);
  });

  it('slows down a key that is used from one network more, and suspends one that is used from many, or tried on every door', async () => {
    const moved = await world();
    await happened(moved, newNetwork('198.51.100.0/24'));
    await moved.at(60);
    expect(await moved.kinds()).toEqual(['slow_down']);

    for (const more of [['203.0.113.0/24', '192.0.2.0/24'].map((network) => newNetwork(network)), probing({ key_id: KEY })]) {
      const stolen = await world();
      await happened(stolen, newNetwork('198.51.100.0/24'), ...more);
      await stolen.at(60);
      expect(await stolen.kinds()).toContain('suspend_key');
      expect(stolen.lookedAt).toContain('owner');
      expect((await stolen.stores.restrictions.of(`key ${KEY}`, later(61))).has('suspend_key')).toBe(true);
    }
  });

  it('looks at no new networks where the configuration does not ask for it', async () => {
    const here = await world();
    await happened(here, newNetwork('198.51.100.0/24'));
    const { settings } = here.parts;
    const none = { ...settings, anomalies: { ...settings.anomalies, key_new_network: false } };
    expect(await here.at(60, { settings: none })).toMatchObject({ anomalies: 0, made: [] });
  });

  it.each([
    ['medium', probing({ key_id: KEY })],
    ['high', probing({ key_id: KEY }, 5)],
    ['critical', probing({ key_id: KEY }, 10)],
  ] as const)('does at the level %s what the configuration says of it, and nothing of another', async (level, events) => {
    const here = await world();
    await happened(here, ...events);
    const { settings } = here.parts;
    const responses = { low: [], medium: [], high: [], critical: [], [level]: ['suspend_key', 'slow_down'] as const };
    await here.at(60, { settings: { ...settings, responses, anomalies: { ...settings.anomalies, denial_burst: 100_000 } } });
    expect(await here.kinds()).toEqual(['slow_down', 'suspend_key']);
    expect(here.stores.audit.map(({ action }) => action)).toEqual(['responded', 'responded']);
    const elsewhere = await world();
    await happened(elsewhere, ...events);
    const others = {
      low: ['slow_down'],
      medium: ['slow_down'],
      high: ['slow_down'],
      critical: ['slow_down'],
      [level]: [],
    } as const;
    const anomalies = { ...settings.anomalies, denial_burst: 100_000 };
    await elsewhere.at(60, { settings: { ...settings, responses: others, anomalies } });
    expect(await elsewhere.kinds()).toEqual([]);
  });

  it.each(['slow_down', 'suspend_key', 'block_address', 'require_sign_in'] as const)(
    'can have each response taken back, which is on record and lifts what it restricted: %s',
    async (kind) => {
      const here = await world();
      await happened(
        here,
        ...(kind === 'block_address' ? spray() : probing(kind === 'require_sign_in' ? { user_id: 'user-1' } : { key_id: KEY })),
      );
      const { settings } = here.parts;
      const only = { low: [], medium: [kind], high: [kind], critical: [kind] };
      const [made] = (await here.at(60, { settings: { ...settings, responses: only } })).made;
      if (!made) throw new Error('nothing was done');
      const restricted = async () => (await here.stores.restrictions.of(subjectName(made.subject), later(65))).has(kind);
      expect(await restricted()).toBe(true);
      expect(await reverse(here.stores.responses, made, { actor: 'admin', reason: 'a mistake' }, later(62))).toMatchObject({
        reversed_by: 'admin',
      });
      expect(await restricted()).toBe(false);
      expect(here.stores.audit.map(({ action, actor }) => [action, actor])).toEqual([
        ['responded', 'airlock'],
        ['reversed', 'admin'],
      ]);
    },
  );

  it('leaves alone an address from which an admin came, an admin, and this machine', async () => {
    const here = await world({ admins: ['boss'] });
    await here.stores.adminAddresses.note('203.0.113.9', NOW);
    await happened(here, ...spray(), ...spray('127.0.0.1'), ...spray('0:0:0:0::/64'), ...probing({ user_id: 'boss' }));
    expect((await here.at(60)).made).toEqual([]);
    expect(await here.kinds()).toEqual([]);
  });

  it('suspends an admin’s key and ends an admin’s sessions only while there is another admin', async () => {
    for (const [admins, done] of [
      [
        ['boss', 'deputy'],
        ['require_sign_in', 'suspend_key'],
      ],
      [['boss'], []],
    ] as const) {
      const here = await world({ admins: [...admins] });
      const networks = ['198.51.100.0/24', '203.0.113.0/24', '192.0.2.0/24'];
      await happened(here, ...networks.map((network) => newNetwork(network, ADMIN_KEY)));
      await happened(here, counted(1, { event_type: 'credential_copied', user_id: 'boss', endpoint: 'refresh' }));
      await here.at(60);
      expect(await here.kinds()).toEqual(done);
    }
  });

  it('makes again next minute what failed, and one failure keeps nothing else from being done', async () => {
    const here = await world();
    await happened(here, ...spray('203.0.113.1'), ...spray('203.0.113.2'));
    let isFirst = true;
    const create: typeof here.stores.responses.create = async (response, record) => {
      if (!isFirst) return await here.stores.responses.create(response, record);
      isFirst = false;
      throw new Error('the table did not answer');
    };
    const first = await here.at(60, { responses: { ...here.stores.responses, create } });
    expect(first).toMatchObject({ made: [{ kind: 'block_address' }], failures: 1 });
    expect(here.failed).toEqual(['account_spray: block_address']);
    expect(await here.at(120)).toMatchObject({ made: [{ kind: 'block_address' }], failures: 0 });
    expect(await here.kinds()).toEqual(['block_address', 'block_address']);
  });

  it('ends later the sessions that could not be ended when it was written that they must', async () => {
    const here = await world();
    await happened(here, counted(1, { event_type: 'credential_copied', user_id: 'user-1', endpoint: 'refresh' }));
    const busy = async () => {
      throw new Error('others change the user');
    };
    expect((await here.at(60, { endSessions: busy })).failures).toBe(1);
    expect(await here.kinds()).toContain('require_sign_in');
    expect(await here.isSignedOut('user-1')).toBe(false);
    expect((await here.at(120)).failures).toBe(0);
    expect(await here.isSignedOut('user-1')).toBe(true);
    const endedAt = (await here.identities.get('user-1'))?.valid_after;
    await here.at(180);
    expect((await here.identities.get('user-1'))?.valid_after).toBe(endedAt);
  });

  it('does not make again what somebody took back, while nothing new has happened', async () => {
    const here = await world();
    await happened(here, ...spray());
    const [made] = (await here.at(60)).made;
    if (made) await reverse(here.stores.responses, made, { actor: 'admin', reason: 'our own test' }, later(70));
    for (const seconds of [120, 180, 240, 299]) expect((await here.at(seconds)).made).toEqual([]);
    expect(await here.at(301)).toMatchObject({ anomalies: 0 });
    await happened(here, ...spray().map((event) => movedTo(420, event)));
    expect((await here.at(430)).made).toHaveLength(1);
  });

  it('does not make it again either where the next window begins in between', async () => {
    const here = await world();
    await happened(here, ...spray().map((event) => movedTo(240, event)));
    const [made] = (await here.at(290)).made;
    if (made) await reverse(here.stores.responses, made, { actor: 'admin', reason: 'our own test' }, later(295));
    expect(made?.kind).toBe('block_address');
    for (const seconds of [310, 480]) expect(await here.at(seconds)).toMatchObject({ anomalies: 1, made: [] });
  });

  it('makes one response of one thing, however many look at it in the same moment', async () => {
    const here = await world();
    await happened(here, ...spray());
    const passes = await Promise.all([here.at(60), here.at(60), here.at(60)]);
    expect(passes.flatMap(({ made }) => made)).toHaveLength(1);
    expect(await here.kinds()).toEqual(['block_address']);
    expect(passes.map(({ failures }) => failures)).toEqual([0, 0, 0]);
  });

  it('gives the response of each thing and window an id of its own, in the shape of all others', async () => {
    const ids = new Set<string>();
    for (const [address, seconds] of [
      ['203.0.113.1', 60],
      ['203.0.113.2', 60],
      ['203.0.113.1', 60],
    ] as const) {
      const here = await world();
      await happened(here, ...spray(address));
      const [made] = (await here.at(seconds)).made;
      expect(responseId.safeParse(made?.response_id).success).toBe(true);
      ids.add(made?.response_id ?? '');
    }
    expect(ids.size).toBe(2);
  });

  it('holds no more events at once than it may, and says that there were more', async () => {
    const here = await world();
    await happened(here, ...spray());
    expect((await watch(here.parts, later(60), 4)).isPartial).toBe(true);
    expect((await watch(here.parts, later(60), 100)).isPartial).toBe(false);
  });

  it('never has more automatic responses in force than it may, whatever happens', async () => {
    const attacks = fc.array(fc.record({ address: fc.nat({ max: 9 }), accounts: fc.integer({ min: 1, max: 20 }) }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(attacks, fc.nat({ max: 3 }), async (made, mostAtOnce) => {
        const here = await world({ mostAtOnce });
        for (const { address, accounts } of made)
          for (let n = 0; n < accounts; n += 1) await happened(here, failedLogin(`${n}@b.c`, 3, `203.0.113.${address}`));
        await here.at(60);
        expect((await here.stores.responses.list(200, null)).items.length).toBeLessThanOrEqual(mostAtOnce);
      }),
      { numRuns: 30 },
    );
  });
});

it.each([
  ['block_address', { user_id: 'x' }, 'address'],
  ['suspend_key', { address: '203.0.113.9' }, 'key_id'],
  ['require_sign_in', { address: '203.0.113.9' }, 'user_id'],
  ['slow_down', { address: '203.0.113.9' }, null],
] as [ResponseKind, object, string | null][])('%s about %j is for %s', (kind, subject, expected) => {
  expect(misfit(kind, subject)).toBe(expected);
});
