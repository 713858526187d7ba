/**
 * Refusals of one process, counted together: whoever is refused decides how many there are, and must not decide how much is written. The
 * first few of a kind are written as they come, so that the watch sees them exactly; a flood is one write a second with what came since.
 */
import type { SecurityEvent } from '../../contracts/security-event.ts';

export interface Tally {
  /** Counts it, to be written when it is due. */
  count(event: SecurityEvent): void;
  /** What is to be written now, one at a time; null when all of it can wait. What could not be written is counted again. */
  due(now: Date): SecurityEvent | null;
  /** How many were forgotten since this was asked last, because there was no room. */
  forgotten(): number;
}

/** So many of one kind are written at once, each second at least one. */
const AT_ONCE = 10;
/** Too many requests are the cheapest to cause. */
const LIMITED_AT_ONCE = 1;
const EVERY_MS = 1000;
/** Of all kinds together. */
const WRITES_A_SECOND = 20;
const MOST_KINDS = 5000;

interface Entry {
  readonly event: SecurityEvent;
  waiting: number;
  writes: number;
  writtenAt: number;
}

export function tally(mostKinds = MOST_KINDS): Tally {
  const entries = new Map<string, Entry>();
  let second = 0;
  let writesOfSecond = 0;
  let waitingInAll = 0;
  let lost = 0;

  function makeRoom(): void {
    const entry = entries.values().find(({ waiting }) => waiting === 0) ?? entries.values().next().value;
    if (!entry) return;
    lost += entry.waiting;
    waitingInAll -= entry.waiting;
    entries.delete(entry.event.event_id);
  }

  const isDue = ({ event, waiting, writes, writtenAt }: Entry, now: number): boolean =>
    waiting > 0 &&
    (writes < (event.event_type === 'rate_limit_exceeded' ? LIMITED_AT_ONCE : AT_ONCE) || now - writtenAt >= EVERY_MS);

  return {
    count(event) {
      waitingInAll += event.count;
      const known = entries.get(event.event_id);
      if (known) known.waiting += event.count;
      else {
        if (entries.size >= mostKinds) makeRoom();
        entries.set(event.event_id, { event, waiting: event.count, writes: 0, writtenAt: 0 });
      }
    },

    due(at) {
      if (waitingInAll === 0) return null;
      const now = at.getTime();
      if (Math.floor(now / 1000) !== second) {
        second = Math.floor(now / 1000);
        writesOfSecond = 0;
      }
      if (writesOfSecond >= WRITES_A_SECOND) return null;
      const entry = entries.values().find((one) => isDue(one, now));
      if (!entry) return null;
      const event = { ...entry.event, count: entry.waiting };
      waitingInAll -= entry.waiting;
      entry.waiting = 0;
      entry.writes += 1;
      entry.writtenAt = now;
      writesOfSecond += 1;
      // The longest untouched is found first.
      entries.delete(event.event_id);
      entries.set(event.event_id, entry);
      return event;
    },

    forgotten() {
      const count = lost;
      lost = 0;
      return count;
    },
  };
}
