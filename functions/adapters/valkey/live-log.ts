import { type RunEvent, runEvent } from '../../contracts/sandbox-protocol.ts';
import type { LiveLog } from '../../core/execution/ports.ts';
import { connect, lazily, sendTo, withLimit } from './connection.ts';

/**
 * A run's events as a stream whose entry ids are `<seq>-0`: adding an event twice is refused by Valkey itself, and reading after N is a
 * range. Closing adds `<seq>-1`, which carries no event and only wakes those who wait.
 */
const keyOf = (executionId: string): string => `{${executionId}}:events`;
const KEPT_SECONDS = 24 * 3600;
const CONNECT_MS = 2000;
const COMMAND_MS = 2000;
/** After a failure nobody waits for it again so soon: events are durable without it, and readers find them there. */
const AWAY_MS = 5000;

export function valkeyLiveLog(url: string): LiveLog & { ping(): Promise<boolean> } {
  const commands = lazily(() => connect(url, CONNECT_MS));
  // A blocking read holds its connection, so waiting has its own.
  const waits = lazily(() => connect(url, CONNECT_MS));
  let awayUntil = 0;

  const send = async <T>(
    connection: ReturnType<typeof lazily>,
    key: string,
    args: string[],
    limitMs = COMMAND_MS,
  ): Promise<T | null> => {
    try {
      const client = await connection.get();
      return await withLimit(sendTo<T>(client, key, args), limitMs);
    } catch (error) {
      if (isDuplicate(error)) return null;
      connection.reset();
      throw error;
    }
  };

  return {
    async append(executionId, events) {
      const key = keyOf(executionId);
      if (Date.now() < awayUntil) return false;
      try {
        const added = events.map((event) => send(commands, key, ['XADD', key, `${event.seq}-0`, 'event', JSON.stringify(event)]));
        await Promise.all(added);
        await send(commands, key, ['EXPIRE', key, String(KEPT_SECONDS)]);
        return true;
      } catch {
        awayUntil = Date.now() + AWAY_MS;
        return false;
      }
    },

    async read(executionId, after, limit) {
      const key = keyOf(executionId);
      try {
        const entries = await send<[string, string[]][]>(commands, key, [
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
        await send(commands, key, ['XADD', key, `${lastSeq}-1`, 'closed', '1']);
        await send(commands, key, ['EXPIRE', key, '3600']);
      } catch {
        // Those who wait find the end at their next look at the row.
      }
    },

    async ping() {
      try {
        return (await send<string>(commands, 'ping', ['PING'])) === 'PONG';
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
