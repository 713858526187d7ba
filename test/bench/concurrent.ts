import { get, until } from '../support/airlock.ts';
import { type Measurement, repeat } from './measurement.ts';
import { now, poolIsFull, submitTrusted } from './stack.ts';

const AT_ONCE = 10;
const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 500;

/** Ten runs submitted together → each one recorded as done, by the product's own clock. Most of them wait for tasks to start. */
export const concurrent: Measurement = {
  name: 'concurrent',
  rounds: { usual: 1, full: 5 },
  measure: async (rounds) => [
    {
      what: `${AT_ONCE} runs at once: submit → done (python)`,
      unit: 'ms',
      samples: (await repeat(rounds, together)).flat(),
      bars: [],
      note: 'all but the idle sandboxes of the pool are started for it',
    },
  ],
};

async function together(): Promise<number[]> {
  await poolIsFull();
  return Promise.all(Array.from({ length: AT_ONCE }, once));
}

async function once(): Promise<number> {
  const submittedAt = now();
  const { execution_id: executionId } = await submitTrusted({ language: 'python', code: 'print("hello")' });
  const result = await until(
    `the end of ${executionId}`,
    async () => {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      const execution = await get(executionId);
      return execution.phase === 'done' && execution;
    },
    PATIENCE_MS,
  );
  if (result.status !== 'completed' || !result.finished_at)
    throw new Error(`${executionId} ended as ${result.status}: ${JSON.stringify(result.error)}`);
  return Date.parse(result.finished_at) - submittedAt;
}
