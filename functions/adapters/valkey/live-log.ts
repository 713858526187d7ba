import { type RunEvent, runEvent } from '../../contracts/sandbox-protocol.ts';
import type { LiveLog } from '../../core/execution/ports.ts';
import { connect, isConnectionClosed, lazily, sendTo, withLimit } from './connection.ts';

/**
 * A run's events as a stream whose entry ids are `<seq>-0`: adding an event twice is refused by Valkey itself, and reading after N is a
 * range. Closing adds `<seq>-1`, which carries no event and only wakes those who wait.
 */
const keyOf = (executionId: string): string => `{${executionId}}:events`;
const KEPT_SECONDS = 24 * 3600;
const CONNECT_MS = 2000;
const COMMAND_MS = 2000;
/** After a failure no relay and no reader waits for it again so soon: events are durable without it, and readers find them there. */
const AWAY_MS = 5000;

export function valkeyLiveLog(url: string): LiveLog & { ping(): Promise<boolean> } {
  const commands = lazily(() => connect(url, CONNECT_MS));
  // A blocking read holds its connection, so waiting has its own.
  const waits = lazily(() => connect(url, CONNECT_MS));
  let awayUntil = 0;

  const send = async <T>(connection: ReturnType<typeof lazily>, key: string, args: string[], limitMs: number): Promise<T> => {
    const opening = connection.get();
    try {
      return await withLimit(sendTo<T>(await opening, key, args), limitMs);
    } catch (error) {
      if (!isDuplicate(error)) connection.reset(opening);
      throw error;
    }
  };

  /** Null for what is there already. A connection may have been closed while the function slept; then it is opened once more. */
  const command = async <T>(key: string, args: string[]): Promise<T | null> => {
    const sendOnce = () => send<T>(commands, key, args, COMMAND_MS);
    try {
      return await sendOnce().catch((error: unknown) => {
        if (isConnectionClosed(error)) return sendOnce();
        throw error;
      });
    } catch (error) {
      if (isDuplicate(error)) return null;
      awayUntil = Date.now() + AWAY_MS;
      throw error;
    }
  };

  return {
    async append(executionId, events) {
      const key = keyOf(executionId);
      if (Date.now() < awayUntil) return false;
      try {
        const added = events.map((event) => command(key, ['XADD', key, `${event.seq}-0`, 'event', JSON.stringify(event)]));
        await Promise.all(added);
        await command(key, ['EXPIRE', key, String(KEPT_SECONDS)]);
        return true;
      } catch {
        return false;
      }
    },

    async read(executionId, after, limit) {
      const key = keyOf(executionId);
      if (Date.now() < awayUntil) return null;
      try {
        const entries = await command<[string, string[]][]>(key, [
          'XRANGE',
          key,
          `${after + 1}-0`,
          '+',
          'COUNT',
          String(limit + 1),
        ]);
        return (entries ?? []).flatMap(([, fields]) => eventIn(fields)).slice(0, limit);
      } catch {
        return null;
      }
    },

    async waitBeyond(executionId, after, timeoutMs) {
      const key = keyOf(executionId);
      const startedAt = Date.now();
      try {
        if (startedAt < awayUntil) throw new Error('it was away a moment ago');
        await send(
          waits,
          key,
          ['XREAD', 'BLOCK', String(Math.max(1, timeoutMs)), 'COUNT', '1', 'STREAMS', key, `${after}-0`],
          timeoutMs + COMMAND_MS,
        );
      } catch {
        // The log is away: the caller looks at the durable half again after a moment, within the time it asked for.
        const left = timeoutMs - (Date.now() - startedAt);
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(1000, left))));
      }
    },

    async close(executionId, lastSeq) {
      const key = keyOf(executionId);
      try {
        await command(key, ['XADD', key, `${lastSeq}-1`, 'closed', '1']);
        await command(key, ['EXPIRE', key, '3600']);
      } catch {
        // Those who wait find the end at their next look at the row.
      }
    },

    async ping() {
      try {
        return (await command<string>('ping', ['PING'])) === 'PONG';
      } catch {
        return false;
      }
    },
  };
}

const isDuplicate = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('equal or smaller than the target stream top item');

function eventIn(fields: string[]): RunEvent[] {
  const text = fields[0] === 'event' ? fields[1] : undefined;
  return text === undefined ? [] : [runEvent.parse(JSON.parse(text))];
}
