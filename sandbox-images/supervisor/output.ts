import { StringDecoder } from 'node:string_decoder';
import { OUTPUT_EVENT_MAX_BYTES, OUTPUT_KEPT_BYTES_PER_STREAM } from '../../functions/contracts/sandbox-protocol.ts';

export interface StreamTotals {
  readonly bytes: number;
  readonly truncated: boolean;
}

/** One output stream on its way from bytes to events. */
export interface OutputStream {
  readonly write: (chunk: Buffer) => void;
  /** Emits what is still held back; what is written after it is dropped. */
  readonly end: () => void;
  readonly totals: () => StreamTotals;
}

/**
 * The first text goes out at once; what follows within this time of an event is gathered, so that a program writing single bytes
 * makes at most 100 events a second.
 */
const GATHER_MILLISECONDS = 10;

export function createOutputStream(emit: (text: string) => void, now: () => number = () => performance.now()): OutputStream {
  const decoder = new StringDecoder('utf8');
  let bytes = 0;
  let gathered = '';
  let lastEmitted = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let hasEnded = false;

  function write(chunk: Buffer): void {
    if (hasEnded) return;
    const kept = chunk.subarray(0, Math.max(0, OUTPUT_KEPT_BYTES_PER_STREAM - bytes));
    bytes += chunk.length;
    if (kept.length === 0) return;
    gathered += decoder.write(kept);
    if (gathered.length >= OUTPUT_EVENT_MAX_BYTES || now() - lastEmitted >= GATHER_MILLISECONDS) flush();
    else timer ??= setTimeout(flush, GATHER_MILLISECONDS);
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const text of splitText(gathered, OUTPUT_EVENT_MAX_BYTES)) emit(text);
    gathered = '';
    lastEmitted = now();
  }

  function end(): void {
    if (hasEnded) return;
    hasEnded = true;
    // What a truncated stream still holds is the first half of a character whose second half was dropped.
    if (bytes <= OUTPUT_KEPT_BYTES_PER_STREAM) gathered += decoder.end();
    flush();
  }

  return { write, end, totals: () => ({ bytes, truncated: bytes > OUTPUT_KEPT_BYTES_PER_STREAM }) };
}

/** Pieces of at most `maxBytes` of UTF-8 each (at least 4), which together are the text; no character is cut in two. */
export function splitText(text: string, maxBytes: number): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > 0) {
    const length = lengthThatFits(rest, maxBytes);
    pieces.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return pieces;
}

function lengthThatFits(text: string, maxBytes: number): number {
  // Fits in any case: a UTF-16 unit takes at most three bytes.
  if (text.length * 3 <= maxBytes) return text.length;
  let bytes = 0;
  let length = 0;
  while (length < text.length) {
    const codePoint = text.codePointAt(length) ?? 0;
    bytes += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    if (bytes > maxBytes) return length;
    length += codePoint < 0x10000 ? 1 : 2;
  }
  return length;
}
