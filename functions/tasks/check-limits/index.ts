import { valkeyRateCounters } from '../../adapters/valkey/rate-counters.ts';
import { type CheckLimitsOutput, checkLimitsInput } from '../../contracts/tasks.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const counters = valkeyRateCounters(environmentOf('tasks/check-limits').VALKEY_URL);

/** Counts for functions that stand outside the VPC. A fault is theirs to deal with: they count for themselves then. */
export const handler = taskHandler(
  'check limits',
  checkLimitsInput,
  async ({ operation, buckets }): Promise<CheckLimitsOutput> => {
    if (operation === 'reset') {
      await counters.reset(buckets);
      return { allowed: true, now_micros: clock.now().getTime() * 1000, empty_at: buckets.map(() => null) };
    }
    if (operation === 'read') {
      const { nowMicros, emptyAt } = await counters.read(buckets);
      return { allowed: true, now_micros: nowMicros, empty_at: [...emptyAt] };
    }
    const { allowed, nowMicros, emptyAt } = await counters.take(buckets);
    return { allowed, now_micros: nowMicros, empty_at: [...emptyAt] };
  },
);
