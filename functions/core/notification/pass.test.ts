import { describe, expect, it } from 'vitest';
import { NOW } from '../../../test/support/entities.ts';
import { sendEach } from './pass.ts';

/** Messages that take ten seconds each by this clock, in rounds of so many at a time. */
function house(atATime: number, failing: readonly string[] = []) {
  let seconds = 0;
  let underWay = 0;
  const sent: string[] = [];
  const failed: string[] = [];
  const clock = { now: () => new Date(NOW.getTime() + seconds * 1000) };
  return {
    sent,
    failed,
    pass: (ids: readonly string[]) =>
      sendEach(
        ids,
        async (id) => {
          underWay += 1;
          expect(underWay).toBeLessThanOrEqual(atATime);
          await new Promise((resolve) => setImmediate(resolve));
          underWay -= 1;
          seconds += 10 / atATime;
          if (failing.includes(id)) throw new Error(id);
          sent.push(id);
        },
        { clock, atATime, beginWithinMs: 40_000, report: (id) => failed.push(id) },
      ),
  };
}

const named = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

describe('a pass over what is due', () => {
  it('sends every other message though some fail, and says which did', async () => {
    const { pass, sent, failed } = house(2, ['0', '3']);
    expect(await pass(named(6))).toEqual({ faults: 2, left: 0 });
    expect(sent).toEqual(['1', '2', '4', '5']);
    expect(failed).toEqual(['0', '3']);
  });

  it('begins none that might not end before the function is stopped, and leaves it to the next pass', async () => {
    const { pass, sent } = house(1);
    expect(await pass(named(6))).toEqual({ faults: 0, left: 2 });
    expect(sent).toEqual(['0', '1', '2', '3']);
  });
});
