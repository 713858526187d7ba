import type { QuietHours } from '../../contracts/notification.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/** The first moment from `now` on at which somebody with these quiet hours may be written to. */
export function afterQuietHours(now: Date, quiet: QuietHours | null): Date {
  if (!quiet) return now;
  const from = minutesOf(quiet.from);
  const until = minutesOf(quiet.until);
  let at = now;
  // Where clocks are put forward or back meanwhile, the end computed first is an hour off: so it is looked at again.
  for (let looks = 0; looks < 4; looks += 1) {
    const minute = minuteOfDay(at, quiet.time_zone);
    const isQuiet = from < until ? minute >= from && minute < until : minute >= from || minute < until;
    if (!isQuiet) return at;
    const left = (until - minute + DAY_MINUTES) % DAY_MINUTES;
    at = new Date(Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS + left * MINUTE_MS);
  }
  return at;
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

const minuteOfDay = (at: Date, timeZone: string): number =>
  minutesOf(new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at));
