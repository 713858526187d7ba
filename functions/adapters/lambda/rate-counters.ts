import { type CheckLimitsInput, checkLimitsOutput } from '../../contracts/tasks.ts';
import type { Counter, RateCounters } from '../../core/limits/ports.ts';
import { invokeNow } from './invoke.ts';

/** A function that has to start first may take most of it. */
const LIMIT_MS = 1500;

/** The counters in Valkey for a function that cannot reach it: another one, inside the VPC, asks for it. */
export function invokedRateCounters(functionName: string): RateCounters {
  const ask = async (operation: CheckLimitsInput['operation'], buckets: readonly Counter[]) => {
    const input: CheckLimitsInput = {
      operation,
      buckets: buckets.map(({ key, limit, window_seconds, burst, weight }) => ({ key, limit, window_seconds, burst, weight })),
    };
    const { allowed, now_micros, empty_at } = checkLimitsOutput.parse(await invokeNow(functionName, input, LIMIT_MS));
    return { allowed, nowMicros: now_micros, emptyAt: empty_at };
  };
  return {
    take: (buckets) => ask('take', buckets),
    read: (buckets) => ask('read', buckets),
    reset: async (buckets) => {
      await ask('reset', buckets);
    },
  };
}
