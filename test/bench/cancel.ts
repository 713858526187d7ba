import { allEvents, as, finished } from '../support/airlock.ts';
import { type Measurement, repeat } from './measurement.ts';
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
const RUN_ON_MS = 500;

/** POST …/cancel sent → the supervisor's `exit`, which it writes once no process of the run is left. */
export const cancel: Measurement = {
  name: 'cancel',
  rounds: { usual: 5, full: 40 },
  measure: async (rounds) => [
    {
      what: 'cancel → process tree gone',
      unit: 'ms',
      samples: await repeat(rounds, once),
      bars: [{ quantile: 'p95', atMost: 500 }],
    },
  ],
};

async function once(): Promise<number> {
  await poolIsFull();
  const developer = await as('developer');
  const { executionId } = await submitUntilOutput({ language: 'python', code: STUBBORN_TREE, timeout_seconds: 60 });
  await new Promise((resolve) => setTimeout(resolve, RUN_ON_MS));
  const cancelledAt = now();
  const answer = await developer.call('POST', `/api/v1/executions/${executionId}/cancel`, { reason: 'bench' });
  if (answer.status >= 300) throw new Error(`cancelling answered ${answer.status}`);
  await finished(executionId);
  const exit = (await allEvents(executionId)).find((event) => event.type === 'exit');
  if (exit?.reason !== 'cancelled') throw new Error(`${executionId} ended as ${exit?.reason ?? 'nothing'}, not as cancelled`);
  return Date.parse(exit.at) - cancelledAt;
}
