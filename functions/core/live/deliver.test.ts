import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newExecutionId } from '../../../test/support/entities.ts';
import { LIVE_FRAME_MAX_BYTES } from '../../contracts/live.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import { type DeliveryParts, deliver, framesOf, thinUsage } from './deliver.ts';
import type { LiveStore } from './ports.ts';

const at = (milliseconds: number): string => new Date(Date.UTC(2026, 10, 23) + milliseconds).toISOString();
const stdout = (seq: number, text: string): RunEvent => ({ seq, at: at(seq), type: 'stdout', text });
const usage = (seq: number, memory_bytes: number): RunEvent => ({
  seq,
  at: at(seq * 50),
  type: 'usage',
  cpu_ms: seq,
  memory_bytes,
  disk_bytes: 0,
  processes: 1,
});

describe('frames', () => {
  it('stay below the gateway’s limit, and together hold every text whole, whatever is in it', () => {
    const texts = fc.array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 9000 }),
        fc.constant('\u0001'.repeat(8192)),
        fc.constant('é€😀'.repeat(900)),
      ),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(texts, (all) => {
        const events = all.map((text, index) => stdout(index + 1, text.toWellFormed()));
        const frames = framesOf('execution:x', events, events.length);
        const parsed = frames.map(
          (frame) => JSON.parse(frame.text) as { events: { seq: number; text: string }[]; last_seq: number },
        );
        for (const frame of frames) expect(Buffer.byteLength(frame.text)).toBeLessThanOrEqual(LIVE_FRAME_MAX_BYTES);
        const joined = Map.groupBy(
          parsed.flatMap((frame) => frame.events),
          (event) => event.seq,
        );
        for (const event of events)
          expect((joined.get(event.seq) ?? []).map((piece) => piece.text).join('')).toBe('text' in event ? event.text : '');
        expect(parsed.at(-1)?.last_seq).toBe(events.length);
      }),
      { numRuns: 30 },
    );
  });
});

describe('usage', () => {
  it('comes at most four times a second, with the peaks of what was left out', () => {
    const samples = Array.from({ length: 40 }, (_, index) => usage(index + 1, index === 17 ? 1000 : index));
    const kept = thinUsage(samples);
    expect(kept.length).toBeLessThanOrEqual(9);
    expect(Math.max(...kept.map((event) => (event.type === 'usage' ? event.memory_bytes : 0)))).toBe(1000);
  });
});

/** One subscription, its log of 30 events, and connections that fail now and then. */
function subscriber(failures: boolean[], answer: 'sent' | 'gone' = 'sent') {
  const executionId = newExecutionId();
  const log = Array.from({ length: 30 }, (_, index) => stdout(index + 1, `${index + 1};`));
  const state = { cursor: 0, wanted: 0, sending: false };
  const seen: number[] = [];
  const store: LiveStore = {
    putTicket: async () => {},
    takeTicket: async () => null,
    connect: async () => {},
    actorOf: async () => null,
    connectionsOf: async () => [],
    disconnect: async () => {},
    subscribe: async () => {},
    unsubscribe: async () => {},
    topicsOf: async () => [],
    subscribers: async () => [{ connection_id: 'c', cursor: state.cursor }],
    subscription: async () => ({ connection_id: 'c', cursor: state.cursor }),
    beginSend: async (_topic, _connection, from) => {
      if (state.sending || state.cursor !== from) return false;
      state.sending = true;
      return true;
    },
    noteMore: async (_topic, _connection, seq) => {
      state.wanted = Math.max(state.wanted, seq);
    },
    endSend: async (_topic, _connection, from, sent) => {
      if (state.cursor !== from) return false;
      state.cursor = sent;
      state.sending = false;
      return state.wanted > state.cursor;
    },
  };
  const caughtUp: number[] = [];
  const parts: DeliveryParts = {
    store,
    now: () => new Date(0),
    catchUp: async () => void caughtUp.push(state.cursor),
    post: async (_connection: string, frame: string) => {
      if (failures.shift()) throw new Error('slow down');
      seen.push(...(JSON.parse(frame) as { events: { seq: number }[] }).events.map((event) => event.seq));
      return answer;
    },
  };
  const send = (from: number, to: number) =>
    deliver(parts, executionId, { connection_id: 'c', cursor: state.cursor }, log.slice(from, to)).catch(() => {});
  return { send, seen, state, caughtUp };
}

describe('a subscription', () => {
  it('is never sent an event before the one in front of it, whoever sends what, and whatever fails', async () => {
    const batches = fc.array(fc.tuple(fc.nat({ max: 29 }), fc.integer({ min: 1, max: 8 })), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(batches, fc.array(fc.boolean(), { maxLength: 10 }), async (sends, failures) => {
        const { send, seen, state } = subscriber([...failures]);
        for (const [from, count] of sends) await send(from, from + count);
        for (let tries = 0; tries < 20; tries += 1) await send(state.cursor, 30);
        expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
      }),
    );
  });

  it('is caught up when the last of what there is could not be sent, and not when its connection is gone', async () => {
    const failing = subscriber([true]);
    await failing.send(0, 3);
    expect(failing.caughtUp).toEqual([0]);
    await failing.send(0, 3);
    expect(failing.seen).toEqual([1, 2, 3]);
    expect(failing.caughtUp).toEqual([0]);

    const gone = subscriber([], 'gone');
    await gone.send(0, 3);
    expect(gone.caughtUp).toEqual([]);
  });
});
