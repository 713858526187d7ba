import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterQuietHours } from './quiet-hours.ts';

const night = { from: '22:00', until: '07:00', time_zone: 'Europe/Berlin' };
const openAt = (at: string, quiet = night) => afterQuietHours(new Date(at), quiet).toISOString();

describe('quiet hours', () => {
  it('hold a message back until they are over, over midnight too', () => {
    expect(openAt('2026-11-23T21:30:20.000Z')).toBe('2026-11-24T06:00:00.000Z');
    expect(openAt('2026-11-24T02:00:00.000Z')).toBe('2026-11-24T06:00:00.000Z');
    expect(openAt('2026-11-24T06:00:00.000Z')).toBe('2026-11-24T06:00:00.000Z');
    expect(openAt('2026-11-23T12:00:00.000Z')).toBe('2026-11-23T12:00:00.000Z');
    expect(openAt('2026-11-23T12:30:00.000Z', { from: '13:00', until: '14:00', time_zone: 'Europe/Berlin' })).toBe(
      '2026-11-23T13:00:00.000Z',
    );
  });

  it('end when the clock on the wall says so, in the nights that clocks are changed as well', () => {
    expect(openAt('2026-03-28T23:00:00.000Z')).toBe('2026-03-29T05:00:00.000Z');
    expect(openAt('2026-10-24T22:00:00.000Z')).toBe('2026-10-25T06:00:00.000Z');
  });

  it('never hold anything back for more than a day, and never send in the middle of them', () => {
    const time = fc
      .record({ hour: fc.integer({ min: 0, max: 23 }), minute: fc.integer({ min: 0, max: 59 }) })
      .map(({ hour, minute }) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
    const zone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Pacific/Auckland', 'UTC');
    fc.assert(
      fc.property(
        fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true }),
        time,
        time,
        zone,
        (now, from, until, time_zone) => {
          fc.pre(from !== until);
          const quiet = { from, until, time_zone };
          const at = afterQuietHours(now, quiet);
          expect(at.getTime()).toBeGreaterThanOrEqual(now.getTime());
          expect(at.getTime() - now.getTime()).toBeLessThanOrEqual(26 * 3_600_000);
          expect(afterQuietHours(at, quiet)).toEqual(at);
        },
      ),
    );
  });
});
