import { expect, it } from 'vitest';
import { messagesWithin } from './message-metrics.ts';

const now = new Date('2026-11-23T10:00:00.000Z');
const ann = { user_id: 'user-1', email: 'ann@example.org' };
const bob = { user_id: 'user-2', email: 'bob@example.org' };

/** What is counted on which day; asked for days are kept. */
function store(counts: Record<string, [typeof ann, number][]>, complete = true) {
  const asked: string[] = [];
  return {
    asked,
    countOn: async (day: string) => {
      asked.push(day);
      return { told: (counts[day] ?? []).map(([person, messages]) => ({ person, messages })), complete };
    },
  };
}

it('tells how often each person is disturbed, by whole days', async () => {
  const messages = store({
    '2026-11-20': [[ann, 40]],
    '2026-11-21': [
      [ann, 3],
      [bob, 1],
    ],
    '2026-11-23': [[ann, 1]],
  });
  const time = { from: '2026-11-21T23:00:00.000Z', to: '2026-11-23T00:00:00.000Z' };
  expect(await messagesWithin(messages, time, now)).toEqual({
    complete: true,
    per_person_and_day: { count: 3, p50: 1, p95: 3, max: 3 },
    by_person: [
      { person: ann, messages: 4, days: 2, busiest_day: { day: '2026-11-21', messages: 3 } },
      { person: bob, messages: 1, days: 1, busiest_day: { day: '2026-11-21', messages: 1 } },
    ],
  });
  expect(messages.asked).toEqual(['2026-11-21', '2026-11-22', '2026-11-23']);
});

it('of nothing there are no figures', async () => {
  const time = { from: '2026-11-22T00:00:00.000Z', to: '2026-11-23T00:00:00.000Z' };
  expect(await messagesWithin(store({}, false), time, now)).toEqual({
    complete: false,
    per_person_and_day: { count: 0, p50: null, p95: null, max: null },
    by_person: [],
  });
});

it('asks for no day of which nothing is kept, and none to come', async () => {
  const messages = store({});
  await messagesWithin(messages, { from: '1970-01-01T00:00:00.000Z', to: '2200-01-01T00:00:00.000Z' }, now);
  expect([messages.asked[0], messages.asked.at(-1), messages.asked.length]).toEqual(['2026-08-24', '2026-11-23', 92]);
});
