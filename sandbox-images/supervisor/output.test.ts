import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OUTPUT_KEPT_BYTES_PER_STREAM } from '../../functions/contracts/sandbox-protocol.ts';
import { createOutputStream, splitText } from './output.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recorder() {
  const events: string[] = [];
  let milliseconds = 0;
  const stream = createOutputStream(
    (text) => events.push(text),
    () => milliseconds,
  );
  const wait = (duration: number) => {
    milliseconds += duration;
    vi.advanceTimersByTime(duration);
  };
  return { events, stream, wait };
}

describe('an output stream', () => {
  it('emits the first text at once and gathers what follows closely', () => {
    const { events, stream, wait } = recorder();
    stream.write(Buffer.from('a'));
    expect(events).toEqual(['a']);
    for (const text of ['b', 'c', 'd']) stream.write(Buffer.from(text));
    expect(events).toEqual(['a']);
    wait(10);
    expect(events).toEqual(['a', 'bcd']);
  });

  it('decodes any bytes in any pieces as if they had come at once', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(40)), (bytes, cuts) => {
        const { events, stream } = recorder();
        let rest = Buffer.from(bytes);
        for (const cut of cuts) {
          stream.write(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        stream.write(rest);
        stream.end();
        expect(events.join('')).toBe(Buffer.from(bytes).toString('utf8'));
        expect(stream.totals()).toEqual({ bytes: bytes.length, truncated: false });
      }),
    );
  });

  it('keeps what fits, counts the rest, and does not end in half a character', () => {
    const { events, stream } = recorder();
    stream.write(Buffer.alloc(OUTPUT_KEPT_BYTES_PER_STREAM - 1, 'x'));
    stream.write(Buffer.from('é and more'));
    stream.end();
    stream.write(Buffer.from('late'));
    expect(events.join('')).toBe('x'.repeat(OUTPUT_KEPT_BYTES_PER_STREAM - 1));
    expect(stream.totals()).toEqual({ bytes: OUTPUT_KEPT_BYTES_PER_STREAM + 10, truncated: true });
  });
});

it('split text is the same text, in pieces that fit and are whole characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 4, max: 50 }), (text, maxBytes) => {
      const pieces = splitText(text, maxBytes);
      expect(pieces.join('')).toBe(text);
      for (const piece of pieces) {
        expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(maxBytes);
        expect(piece.isWellFormed()).toBe(true);
        expect(piece).not.toBe('');
      }
    }),
  );
});
