import { createHash } from 'node:crypto';
import { ErrorReply } from 'redis';
import { type EmptyAt, paceOf } from '../../core/limits/gcra.ts';
import type { Counter, RateCounters } from '../../core/limits/ports.ts';
import { connect, isConnectionClosed, lazily, sendTo, withLimit } from './connection.ts';

/**
 * The arithmetic of `core/limits/gcra.ts` over all buckets of a request, with the server's own clock: either each is filled, or none.
 * A bucket goes by itself when it is empty again.
 */
const TAKE = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local stored = redis.call('MGET', unpack(KEYS))
local after = {}
local allowed = 1
for i = 1, #KEYS do
  local interval, depth, weight = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3])
  after[i] = math.max(tonumber(stored[i] or '') or now, now) + interval * weight
  if after[i] - now > depth then allowed = 0 end
end
local answer = { allowed, string.format('%.0f', now) }
for i = 1, #KEYS do
  if allowed == 1 then
    local text = string.format('%.0f', after[i])
    redis.call('SET', KEYS[i], text, 'PX', math.ceil((after[i] - now) / 1000) + 1)
    answer[i + 2] = text
  else
    answer[i + 2] = stored[i] or ''
  end
end
return answer`;

const READ = `
local time = redis.call('TIME')
local answer = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do answer[i] = answer[i] or '' end
table.insert(answer, 1, string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2])))
return answer`;

/** The tag puts all buckets into one slot of a cluster, so that one script may touch them together. */
const keyOf = ({ key }: Counter): string => `{limits}:${key}`;

/** A function that just woke has to connect first; after that a server in the same network answers in well under a millisecond. */
const DEADLINES = { connectMs: 250, commandMs: 100 };

/** Throws when Valkey does not answer in time, or not with what the script says. */
export function valkeyRateCounters(
  url: string,
  { connectMs, commandMs }: typeof DEADLINES = DEADLINES,
): RateCounters & { close(): void } {
  const connection = lazily(() => connect(url, connectMs));
  // Early, so that the first request finds it open.
  connection.get().catch(() => {});

  const send = async <T>(key: string, args: string[]): Promise<T> => {
    const client = await withLimit(connection.get(), connectMs);
    return await withLimit(sendTo<T>(client, key, args), commandMs);
  };

  /** A connection may have been closed while the function slept; then it is opened once more. What was late is not tried again. */
  const sendAgainOnce = async <T>(key: string, args: string[]): Promise<T> => {
    try {
      return await send<T>(key, args);
    } catch (error) {
      if (error instanceof ErrorReply) throw error;
      connection.reset();
      if (!isConnectionClosed(error)) throw error;
      return await send<T>(key, args).catch((second: unknown) => {
        connection.reset();
        throw second;
      });
    }
  };

  const run = async (script: string, buckets: readonly Counter[], more: readonly number[]): Promise<unknown[]> => {
    const keys = buckets.map(keyOf);
    const rest = [String(keys.length), ...keys, ...more.map(String)];
    const [first = ''] = keys;
    const answer = await sendAgainOnce<unknown[]>(first, ['EVALSHA', sha1(script), ...rest]).catch((error: unknown) => {
      if (!(error instanceof ErrorReply && error.message.startsWith('NOSCRIPT'))) throw error;
      return sendAgainOnce<unknown[]>(first, ['EVAL', script, ...rest]);
    });
    if (!Array.isArray(answer)) throw new Error('Valkey answered something else than the script returns');
    return answer;
  };

  return {
    async take(buckets) {
      const paces = buckets.flatMap((bucket) => {
        const { intervalMicros, depthMicros } = paceOf(bucket);
        return [intervalMicros, depthMicros, bucket.weight];
      });
      const [allowed, now, ...emptyAt] = await run(TAKE, buckets, paces);
      return { allowed: allowed === 1, nowMicros: numberIn(now), emptyAt: emptyAt.map(emptyAtIn) };
    },

    async read(buckets) {
      const [now, ...emptyAt] = await run(READ, buckets, []);
      return { nowMicros: numberIn(now), emptyAt: emptyAt.map(emptyAtIn) };
    },

    async reset(buckets) {
      const keys = buckets.map(keyOf);
      await sendAgainOnce(keys[0] ?? '', ['DEL', ...keys]);
    },

    close: () => connection.reset(),
  };
}

const sha1 = (script: string): string => createHash('sha1').update(script).digest('hex');

function numberIn(value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number <= 0) throw new Error('Valkey answered no time');
  return number;
}

const emptyAtIn = (value: unknown): EmptyAt => (value === '' ? null : numberIn(value));
