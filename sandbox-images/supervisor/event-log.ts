import { EventEmitter, once } from 'node:events';
import type { Writable } from 'node:stream';
import type { RunEvent } from '../../functions/contracts/sandbox-protocol.ts';

type WithoutPosition<T> = T extends RunEvent ? Omit<T, 'seq' | 'at'> : never;
export type NewRunEvent = WithoutPosition<RunEvent>;

/** The events of the run, in order, kept until the task dies so that any number of readers may join at any point. */
export interface EventLog {
  readonly append: (event: NewRunEvent) => void;
  /** Writes every event after `after` as a line, as they come, until `exit` or until the reader is gone. */
  readonly follow: (reader: Writable, after: number) => Promise<void>;
}

/** Written at once at most, so that a slow reader holds little more than what its socket holds. */
const MAX_BATCH_LINES = 64;

export function createEventLog(now: () => Date): EventLog {
  const lines: string[] = [];
  const appended = new EventEmitter().setMaxListeners(0);
  let ended = false;

  function append(event: NewRunEvent): void {
    if (ended) throw new Error(`Event ${event.type} came after exit.`);
    lines.push(`${JSON.stringify({ seq: lines.length + 1, at: now().toISOString(), ...event })}\n`);
    ended = event.type === 'exit';
    appended.emit('line');
  }

  async function follow(reader: Writable, after: number): Promise<void> {
    const gone = new AbortController();
    reader.once('close', () => gone.abort());
    reader.on('error', () => gone.abort());
    let position = after;
    try {
      while (!gone.signal.aborted) {
        if (position < lines.length) {
          const batch = lines.slice(position, position + MAX_BATCH_LINES);
          position += batch.length;
          if (!reader.write(batch.join(''))) await once(reader, 'drain', { signal: gone.signal });
        } else if (ended) {
          reader.end();
          return;
        } else {
          await once(appended, 'line', { signal: gone.signal });
        }
      }
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    }
  }

  return { append, follow };
}
