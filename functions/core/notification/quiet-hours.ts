import type { QuietHours } from '../../contracts/notification.ts';

const MINUTE_MS = 60_000;
/** Clocks on walls are only ever put forward or back at full quarters of an hour. */
const QUARTER = 15;
/** A day and an hour of quarters. */
const MOST_STEPS = 100 + 4;

/** The first moment from `now` on at which somebody with these quiet hours may be written to. */
export function afterQuietHours(now: Date, quiet: QuietHours | null): Date {
  if (!quiet) return now;
  const from = minutesOf(quiet.from);
  const until = minutesOf(quiet.until);
  const minuteOfDay = wallClock(quiet.time_zone);
  let at = now;
  for (let steps = 0; steps < MOST_STEPS; steps += 1) {
    const minute = minuteOfDay(at);
    const isQuiet = from < until ? minute >= from && minute < until : minute >= from || minute < until;
    if (!isQuiet) return at;
    const quarter = QUARTER - (minute % QUARTER);
    const step = until > minute ? Math.min(quarter, until - minute) : quarter;
    at = new Date((Math.floor(at.getTime() / MINUTE_MS) + step) * MINUTE_MS);
  }
  return at;
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function wallClock(timeZone: string): (at: Date) => number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return (at) => minutesOf(format.format(at));
}
