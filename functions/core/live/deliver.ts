/**
 * Delivery to one subscriber: in order and without a gap, whoever sends. A sender holds the subscription while it sends, and moves its
 * cursor afterwards: one that dies leaves events to be sent again, never a gap. One that finds a gap or another sender leaves a note,
 * and the rest is caught up from the log.
 */
import { LIVE_FRAME_MAX_BYTES, type ServerFrame, topicOf } from '../../contracts/live.ts';
import type { RunEvent, RunEventOf } from '../../contracts/sandbox-protocol.ts';
import type { LiveStore, PostToConnection, Subscription } from './ports.ts';

export interface DeliveryParts {
  readonly store: LiveStore;
  readonly post: PostToConnection;
  readonly catchUp: (executionId: string, connectionId: string) => Promise<void>;
  readonly now: () => Date;
}

export async function deliver(
  parts: DeliveryParts,
  executionId: string,
  subscriber: Subscription,
  events: readonly RunEvent[],
): Promise<void> {
  const topic = topicOf(executionId);
  const { connection_id: connection, cursor } = subscriber;
  const fresh = events.filter((event) => event.seq > cursor);
  const first = fresh[0];
  const last = fresh.at(-1);
  if (!first || !last) return;
  const isNext = first.seq === cursor + 1 && (await parts.store.beginSend(topic, connection, cursor, parts.now()));
  if (!isNext) {
    await parts.store.noteMore(topic, connection, last.seq);
    // With nobody sending there is nobody to read the note.
    await parts.catchUp(executionId, connection);
    return;
  }
  let sent = cursor;
  let isGone = false;
  try {
    for (const frame of framesOf(topic, thinUsage(fresh), last.seq)) {
      isGone = (await parts.post(connection, frame.text)) === 'gone';
      if (isGone) return await parts.store.disconnect(connection);
      sent = frame.lastSeq;
    }
  } finally {
    // What failed on the way may have been the last there is: nothing that follows would show the gap.
    if (!isGone && ((await parts.store.endSend(topic, connection, cursor, sent)) || sent < last.seq))
      await parts.catchUp(executionId, connection);
  }
}

const USAGE_INTERVAL_MS = 250;

/** At most four usage samples a second, each holding the peaks of those it stands for. */
export function thinUsage(events: readonly RunEvent[]): RunEvent[] {
  const kept: RunEvent[] = [];
  let held: RunEventOf<'usage'> | null = null;
  let heldSince = 0;
  for (const event of events) {
    if (event.type !== 'usage') {
      kept.push(event);
      continue;
    }
    const at = Date.parse(event.at);
    if (held === null) heldSince = at;
    held =
      held === null
        ? event
        : {
            ...event,
            memory_bytes: Math.max(held.memory_bytes, event.memory_bytes),
            processes: Math.max(held.processes, event.processes),
            disk_bytes: Math.max(held.disk_bytes, event.disk_bytes),
          };
    if (at - heldSince >= USAGE_INTERVAL_MS) {
      kept.push(held);
      held = null;
    }
  }
  if (held !== null) kept.push(held);
  return kept.sort((a, b) => a.seq - b.seq);
}

const ENVELOPE_BYTES = 256;

/** Frames below the gateway's limit; only the last says that all up to `lastSeq` was given. */
export function framesOf(topic: string, events: readonly RunEvent[], lastSeq: number): { text: string; lastSeq: number }[] {
  const groups: { seq: number; pieces: string[] }[] = [{ seq: 0, pieces: [] }];
  let size = 0;
  for (const event of events) {
    for (const piece of piecesOf(event)) {
      const bytes = Buffer.byteLength(piece) + 1;
      if (size + bytes > LIVE_FRAME_MAX_BYTES - ENVELOPE_BYTES) {
        groups.push({ seq: 0, pieces: [] });
        size = 0;
      }
      groups.at(-1)?.pieces.push(piece);
      size += bytes;
      const group = groups.at(-1);
      if (group && !piece.includes('"partial":true')) group.seq = event.seq;
    }
  }
  let reached = (events[0]?.seq ?? lastSeq + 1) - 1;
  return groups.map(({ seq, pieces }, index) => {
    reached = index === groups.length - 1 ? lastSeq : Math.max(reached, seq);
    const text = `{"type":"events","topic":${JSON.stringify(topic)},"events":[${pieces.join(',')}],"last_seq":${reached}}`;
    return { text, lastSeq: reached };
  });
}

/** JSON makes six bytes of a control character, so that even a short text may be longer than a frame. */
function piecesOf(event: RunEvent): string[] {
  const whole = JSON.stringify(event);
  if (Buffer.byteLength(whole) <= LIVE_FRAME_MAX_BYTES - ENVELOPE_BYTES || !('text' in event)) return [whole];
  const points = [...event.text];
  const half = Math.ceil(points.length / 2);
  const head = { ...event, text: points.slice(0, half).join(''), partial: true };
  const tail = { ...event, text: points.slice(half).join('') };
  return [...piecesOf(head), ...piecesOf(tail)];
}

export const frame = (content: ServerFrame): string => JSON.stringify(content);
