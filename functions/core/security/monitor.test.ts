import fc from 'fast-check';
import { v7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { identityOf, NOW } from '../../../test/support/entities.ts';
import { memorySecurity } from '../../../test/support/memory/security.ts';
import type { ResponseKind, SecurityEvent } from '../../contracts/security-event.ts';
import { detectAnomalies } from './anomalies.ts';
import { accountDigest, eventOf, type SecurityEventDraft } from './events.ts';
import { watch } from './monitor.ts';
import { misfit } from './responses.ts';

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

function world(options: { roles?: string[]; mostAtOnce?: number } = {}) {
  const stores = memorySecurity();
  const signedOut: string[] = [];
  const parts = {
    ...stores,
    identities: { get: async (id: string) => identityOf(id, { roles: options.roles ?? ['developer'] }) },
    ownerOfKey: async () => 'owner',
    endSessions: async (userId: string) => void signedOut.push(userId),
    uuid: v7,
    settings: { ...configuration.security.monitoring, most_at_once: options.mostAtOnce ?? 20 },
  };
  const kinds = async () => (await stores.responses.list(200, null)).items.map(({ kind }) => kind).sort();
  return { stores, parts, signedOut, kinds };
}

describe('the watch', () => {
  it('blocks an address that sprays accounts, once, and says so', async () => {
    const { stores, parts, kinds } = world();
    for (let n = 0; n < 8; n += 1) await stores.events.add(failedLogin(`${n}@b.c`, 2));
    expect(await watch(parts, later(60))).toMatchObject({ responses: [expect.any(String)] });
    expect(await watch(parts, later(90))).toMatchObject({ responses: [] });
    expect(await kinds()).toEqual(['block_address']);
    const seen = await stores.events.list(
      { event_type: 'suspicious_activity', from: NOW.toISOString(), to: later(600).toISOString() },
      10,
      null,
    );
    expect(seen.items).toMatchObject([{ severity: 'critical', endpoint: 'account_spray' }]);
    expect(stores.audit.map(({ action, actor }) => [action, actor])).toEqual([['responded', 'airlock']]);
  });

  it('slows down a caller who probes, ends nobody’s sessions for it, and does not do so twice at once', async () => {
    const { stores, parts, kinds, signedOut } = world();
    for (let n = 0; n < 20; n += 1) await stores.events.add(counted(1, { user_id: 'user-1', endpoint: `route-${n}` }));
    await watch(parts, later(60));
    await watch({ ...parts, settings: { ...parts.settings, window_seconds: 600 } }, later(120));
    expect(await kinds()).toEqual(['slow_down']);
    expect(signedOut).toEqual([]);
  });

  it('leaves alone an address from which an admin came, an admin, and this machine', async () => {
    const { stores, parts, kinds } = world({ roles: ['admin'] });
    await stores.adminAddresses.note('203.0.113.9', NOW);
    for (let n = 0; n < 8; n += 1) await stores.events.add(failedLogin(`${n}@b.c`, 2));
    for (let n = 0; n < 8; n += 1) await stores.events.add(failedLogin(`${n}@b.c`, 2, '127.0.0.1'));
    for (let n = 0; n < 20; n += 1) await stores.events.add(counted(1, { user_id: 'boss', endpoint: `route-${n}` }));
    expect((await watch(parts, later(60))).responses).toEqual([]);
    expect(await kinds()).toEqual([]);
  });

  it('never has more automatic responses in force than it may, whatever happens', async () => {
    const attacks = fc.array(fc.record({ address: fc.nat({ max: 9 }), accounts: fc.integer({ min: 1, max: 20 }) }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(attacks, fc.nat({ max: 3 }), async (made, mostAtOnce) => {
        const { stores, parts } = world({ mostAtOnce });
        for (const { address, accounts } of made)
          for (let n = 0; n < accounts; n += 1) await stores.events.add(failedLogin(`${n}@b.c`, 3, `203.0.113.${address}`));
        await watch(parts, later(60));
        expect((await stores.responses.list(200, null)).items.length).toBeLessThanOrEqual(mostAtOnce);
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
