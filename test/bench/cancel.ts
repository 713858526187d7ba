import { setTimeout as sleep } from 'node:timers/promises';
import { allEvents, as, finished } from '../support/airlock.ts';
import { type Bar, type Measurement, repeat } from './measurement.ts';
import { now, poolIsFull, submitUntilOutput } from './stack.ts';

/** Nine processes that do not listen to SIGTERM. */
const STUBBORN_TREE = `
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(8):
    if os.fork() == 0:
        break
else:
    print("up", flush=True)
while True:
    time.sleep(1)
`;

/** POST …/cancel sent → the supervisor's `exit`, which it writes once no process of the run is left. */
export const cancel: Measurement = {
  name: 'cancel',
  rounds: { usual: 5, full: 40 },
  async measure(rounds) {
    const bars: Bar[] = [{ quantile: 'p95', atMost: 500 }];
    return [
      {
        what: 'cancel → process tree gone, run under way',
        unit: 'ms',
        samples: await repeat(rounds, () => once(poolIsFull)),
        bars,
      },
      {
        what: 'cancel → process tree gone, right after the first output',
        unit: 'ms',
        samples: await repeat(rounds, () => once(() => sleep(JUST_STARTED_MS))),
        bars,
        note: 'the pool is being refilled at that time',
      },
    ];
  },
};

/** Long enough for the refill to have begun, too short for the dispatcher's own look at the row to come first. */
const JUST_STARTED_MS = 200;

async function once(untilCancelled: () => Promise<void>): Promise<number> {
  await poolIsFull();
  const developer = await as('developer');
  const { executionId } = await submitUntilOutput({ language: 'python', code: STUBBORN_TREE, timeout_seconds: 60 });
  await untilCancelled();
  const cancelledAt = now();
  const answer = await developer.call('POST', `/api/v1/executions/${executionId}/cancel`, { reason: 'bench' });
  if (answer.status >= 300) throw new Error(`cancelling answered ${answer.status}`);
  await finished(executionId);
  const exit = (await allEvents(executionId)).find((event) => event.type === 'exit');
  if (exit?.reason !== 'cancelled') throw new Error(`${executionId} ended as ${exit?.reason ?? 'nothing'}, not as cancelled`);
  return Date.parse(exit.at) - cancelledAt;
}
