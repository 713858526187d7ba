/**
 * A run's log in its two halves: the live one in memory (fast, may be lost) and the durable one as segments of newline-delimited JSON.
 * `seq` counts without gaps, so a reader always knows whether the live half still reaches back far enough.
 */
import { type RunEvent, runEvent } from '../../contracts/sandbox-protocol.ts';
import type { LiveLog, ObjectStore } from './ports.ts';

const WIDTH = 10;
const prefixOf = (executionId: string): string => `events/${executionId}/`;
const segmentKey = (executionId: string, first: number, last: number): string =>
  `${prefixOf(executionId)}${String(first).padStart(WIDTH, '0')}-${String(last).padStart(WIDTH, '0')}.ndjson`;

export async function writeSegment(objects: ObjectStore, executionId: string, events: readonly RunEvent[]): Promise<void> {
  const first = events[0];
  const last = events.at(-1);
  if (!first || !last) return;
  const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  await objects.put(segmentKey(executionId, first.seq, last.seq), Buffer.from(lines), 'application/x-ndjson');
}

/** Durable events after `after`, in order and each once, though segments of two dispatchers may overlap. */
export async function readSegments(
  objects: ObjectStore,
  executionId: string,
  after: number,
  limit = Number.POSITIVE_INFINITY,
): Promise<RunEvent[]> {
  const keys = (await objects.list(prefixOf(executionId))).filter((key) => lastOf(key) > after).sort();
  const events: RunEvent[] = [];
  let reached = after;
  for (const key of keys) {
    if (events.length >= limit) break;
    if (lastOf(key) <= reached) continue;
    const bytes = await objects.get(key);
    for (const line of bytes ? Buffer.from(bytes).toString('utf8').split('\n') : []) {
      if (line === '') continue;
      const event = runEvent.parse(JSON.parse(line));
      if (event.seq <= reached || events.length >= limit) continue;
      events.push(event);
      reached = event.seq;
    }
  }
  return events;
}

const lastOf = (key: string): number => Number(key.slice(-(WIDTH + '.ndjson'.length), -'.ndjson'.length));

/** Events after `after` from whichever half has them without a gap. `durableSeq` is how far the row says segments reach. */
export async function readLog(
  parts: { live: LiveLog; objects: ObjectStore },
  executionId: string,
  range: { after: number; limit: number; durableSeq: number },
): Promise<RunEvent[]> {
  const live = await parts.live.read(executionId, range.after, range.limit);
  if (live?.[0]?.seq === range.after + 1) return live;
  // The live half is away, was lost, or holds nothing newer.
  if (range.durableSeq <= range.after) return [];
  return await readSegments(parts.objects, executionId, range.after, range.limit);
}
