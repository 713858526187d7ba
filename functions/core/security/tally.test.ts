import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOW } from '../../../test/support/entities.ts';
import type { SecurityEventType } from '../../contracts/security-event.ts';
import { eventOf } from './events.ts';
import { tally } from './tally.ts';

const later = (milliseconds: number): Date => new Date(NOW.getTime() + milliseconds);
const refusal = (endpoint: string, event_type: SecurityEventType = 'permission_denied') =>
  eventOf({ event_type, endpoint, source_ip: '203.0.113.9', user_id: null, key_id: null, severity: 'low', details: {} }, NOW);

describe('refusals counted together', () => {
  it('are few writes, however many there are, and none of them is lost', () => {
    const counts = tally();
    const written: number[] = [];
    for (let at = 0; at < 3000; at += 1) {
      counts.count(refusal('me'));
      const due = counts.due(later(at));
      if (due) written.push(due.count);
    }
    expect(written.length).toBeLessThan(15);
    expect(written.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 1));
    written.push(counts.due(later(10_000))?.count ?? 0);
    expect(written.reduce((sum, count) => sum + count, 0)).toBe(3000);
    expect(counts.due(later(20_000))).toBeNull();
  });

  it('of a flood of kinds are at most twenty writes a second, and the rest comes with later requests', () => {
    const counts = tally();
    for (let kind = 0; kind < 100; kind += 1) counts.count(refusal(`route-${kind}`));
    const inSecond = (second: number) =>
      Array.from({ length: 50 }, () => counts.due(later(second * 1000))).filter((event) => event !== null).length;
    expect([0, 1, 2, 3, 4, 5].map(inSecond)).toEqual([20, 20, 20, 20, 20, 0]);
  });

  it('for too many requests are written once, then once a second', () => {
    const counts = tally();
    const dueAt = (milliseconds: number) => {
      counts.count(refusal('me', 'rate_limit_exceeded'));
      return counts.due(later(milliseconds))?.count ?? 0;
    };
    expect([0, 1, 500, 999, 1000, 1001, 2000].map(dueAt)).toEqual([1, 0, 0, 0, 4, 0, 2]);
  });

  it('take no more room than they may, and what was forgotten is known', () => {
    const kinds = fc.array(fc.nat({ max: 30 }), { maxLength: 200 });
    fc.assert(
      fc.property(kinds, (of) => {
        const counts = tally(5);
        let written = 0;
        for (const [at, kind] of of.entries()) {
          counts.count(refusal(`route-${kind}`));
          if (at % 3 === 0) written += counts.due(later(at * 1000))?.count ?? 0;
        }
        for (let more = 0; more < 10; more += 1) written += counts.due(later(1e6 + more * 1000))?.count ?? 0;
        expect(written + counts.forgotten()).toBe(of.length);
      }),
    );
  });

  it('that could not be written are counted again', () => {
    const counts = tally();
    counts.count(refusal('me'));
    const failed = counts.due(NOW);
    if (failed) counts.count(failed);
    expect(counts.due(later(2000))?.count).toBe(1);
  });
});
