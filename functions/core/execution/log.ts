/**
 * A run's log in its two halves: the live one in memory (fast, may be lost) and the durable one as segments of newline-delimited JSON.
 * When the run is over the segments, many and small, are written once more as an archive of few; that one stays.
 * `seq` counts without gaps, so a reader always knows whether the live half still reaches back far enough.
 */
import type { Execution } from '../../contracts/execution.ts';
import { type RunEvent, runEvent } from '../../contracts/sandbox-protocol.ts';
import type { LiveLog, ObjectStore } from './ports.ts';

type Kind = 'events' | 'archive';

const WIDTH = 10;
const prefixOf = (kind: Kind, executionId: string): string => `${kind}/${executionId}/`;
const segmentKey = (kind: Kind, executionId: string, first: number, last: number): string =>
  `${prefixOf(kind, executionId)}${String(first).padStart(WIDTH, '0')}-${String(last).padStart(WIDTH, '0')}.ndjson`;

export const writeSegment = (objects: ObjectStore, executionId: string, events: readonly RunEvent[]): Promise<void> =>
  write(objects, 'events', executionId, events, events.map(lineOf));

/** So large that a long run is a handful of objects, and so small that a reader of a page does not read all of it. */
const ARCHIVE_SEGMENT_BYTES = 1024 * 1024;

export async function writeArchive(objects: ObjectStore, executionId: string, events: readonly RunEvent[]): Promise<void> {
  let first = 0;
  let bytes = 0;
  const lines = events.map(lineOf);
  for (const [index, line] of lines.entries()) {
    bytes += line.length;
    if (bytes < ARCHIVE_SEGMENT_BYTES && index < lines.length - 1) continue;
    await write(objects, 'archive', executionId, events.slice(first, index + 1), lines.slice(first, index + 1));
    first = index + 1;
    bytes = 0;
  }
}

const lineOf = (event: RunEvent): string => `${JSON.stringify(event)}\n`;

async function write(
  objects: ObjectStore,
  kind: Kind,
  executionId: string,
  events: readonly RunEvent[],
  lines: readonly string[],
): Promise<void> {
  const first = events[0];
  const last = events.at(-1);
  if (!first || !last) return;
  await objects.put(segmentKey(kind, executionId, first.seq, last.seq), Buffer.from(lines.join('')), 'application/x-ndjson');
}

/** Durable events after `after`, in order and each once, though segments of two dispatchers may overlap. */
export async function readSegments(
  objects: ObjectStore,
  executionId: string,
  after: number,
  limit = Number.POSITIVE_INFINITY,
  kind: Kind = 'events',
): Promise<RunEvent[]> {
  const keys = (await objects.list(prefixOf(kind, executionId))).filter((key) => lastOf(key) > after).sort();
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

/** Bytes of both streams as they are delivered. */
export const outputBytes = (events: readonly RunEvent[]): number =>
  events.reduce((sum, event) => sum + ('text' in event ? Buffer.byteLength(event.text) : 0), 0);

const lastOf = (key: string): number => Number(key.slice(-(WIDTH + '.ndjson'.length), -'.ndjson'.length));

/** Events after `after` from whichever half has them without a gap, as far as the row says that they are durable. */
export async function readLog(
  parts: { live: LiveLog; objects: ObjectStore },
  row: Execution,
  range: { after: number; limit: number },
): Promise<RunEvent[]> {
  const live = await parts.live.read(row.execution_id, range.after, range.limit);
  // The live half may have holes: what could not be added in a moment is missing there for good.
  const hole = live?.findIndex((event, index) => event.seq !== range.after + 1 + index) ?? 0;
  const whole = hole < 0 ? (live ?? []) : (live ?? []).slice(0, hole);
  if (whole.length > 0) return onePage(whole);
  // The live half is away, was lost, or holds nothing newer.
  if (!('last_seq' in row) || row.last_seq <= range.after) return [];
  const kind = row.phase === 'done' ? 'archive' : 'events';
  return onePage(await readSegments(parts.objects, row.execution_id, range.after, range.limit, kind));
}

/** An answer of a function is JSON within JSON, and at most 6 MB of it. */
const PAGE_BYTES = 4 * 1024 * 1024;

function onePage(events: readonly RunEvent[]): RunEvent[] {
  let bytes = 0;
  const end = events.findIndex((event) => {
    bytes += Buffer.byteLength(JSON.stringify(JSON.stringify(event)));
    return bytes > PAGE_BYTES;
  });
  return end < 0 ? [...events] : events.slice(0, Math.max(1, end));
}
