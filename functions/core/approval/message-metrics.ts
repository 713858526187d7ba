/** How often people are disturbed by approval requests: from the messages themselves, as long as they are kept. */
import type { ApprovalMetrics } from '../../contracts/approval-metrics.ts';
import type { DeliveryStore, ToldOn } from '../notification/ports.ts';
import { KEPT_DAYS } from '../notification/queue.ts';

const DAY_MS = 86_400_000;
/** So many messages are counted of each day. */
const MOST_OF_A_DAY = 10_000;
const DAYS_AT_ONCE = 8;

type Told = ToldOn & { readonly day: string };

/** Whole days (UTC), the first and the last of the time included. */
export async function messagesWithin(
  store: Pick<DeliveryStore, 'countOn'>,
  { from, to }: { readonly from: string; readonly to: string },
  now: Date,
): Promise<ApprovalMetrics['notifications']> {
  const days = daysOf(
    Math.max(Date.parse(from), now.getTime() - (KEPT_DAYS + 1) * DAY_MS),
    Math.min(Date.parse(to), now.getTime()),
  );
  const told: Told[] = [];
  let complete = true;
  for (let first = 0; first < days.length; first += DAYS_AT_ONCE) {
    const some = days.slice(first, first + DAYS_AT_ONCE);
    const counted = await Promise.all(some.map(async (day) => ({ day, ...(await store.countOn(day, MOST_OF_A_DAY)) })));
    told.push(...counted.flatMap((one) => one.told.map((ofOne) => ({ ...ofOne, day: one.day }))));
    complete &&= counted.every((one) => one.complete);
  }
  return { complete, ...figuresOf(told) };
}

function daysOf(from: number, to: number): string[] {
  const first = Math.floor(from / DAY_MS);
  const count = Math.max(0, Math.floor(to / DAY_MS) - first + 1);
  return Array.from({ length: count }, (_, index) => new Date((first + index) * DAY_MS).toISOString().slice(0, 10));
}

function figuresOf(told: readonly Told[]): Omit<ApprovalMetrics['notifications'], 'complete'> {
  const sorted = told.map(({ messages }) => messages).toSorted((a, b) => a - b);
  const at = (part: number): number | null => sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? null;
  const by_person = [...Map.groupBy(told, ({ person }) => person.user_id).values()].flatMap((days) => {
    const [busiest] = days.toSorted((a, b) => b.messages - a.messages);
    if (!busiest) return [];
    const messages = days.reduce((sum, one) => sum + one.messages, 0);
    return [
      { person: busiest.person, messages, days: days.length, busiest_day: { day: busiest.day, messages: busiest.messages } },
    ];
  });
  return {
    per_person_and_day: { count: sorted.length, p50: at(0.5), p95: at(0.95), max: sorted.at(-1) ?? null },
    by_person: by_person.toSorted((a, b) => b.messages - a.messages),
  };
}
