import type { Message } from './message.ts';
import { shown } from './shown.ts';

/** Two segments of text in the small alphabet of phones; a link is never cut, so what comes before it is. */
const SMS_MAX = 306;

export function smsOf(message: Message): string {
  const end = message.link ?? `Request ${message.approvalId}`;
  const left = SMS_MAX - end.length - 1;
  const words = `Airlock: ${message.subject}`.replace(/[^\x20-\x7e]/g, '?');
  const start = words.length <= left ? words : shown(words, Math.max(0, left)).slice(0, Math.max(0, left - 1));
  return `${start} ${end}`;
}
