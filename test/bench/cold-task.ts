import { DEFAULT_POOL } from '../../functions/core/sandbox/line.ts';
import { finished, status } from '../support/airlock.ts';
import { output } from '../support/faults.ts';
import { type Measurement, repeat } from './measurement.ts';
import { poolIsFull, submitUntilOutput } from './stack.ts';

/** Submit → first output at the client when no sandbox is idle: the keeper starts a task for the run. */
export const coldTask: Measurement = {
  name: 'cold',
  rounds: { usual: 3, full: 15 },
  measure: async (rounds) => [
    {
      what: 'submit → first output at the client, pool empty (python)',
      unit: 'ms',
      samples: await repeat(rounds, once),
      bars: [{ quantile: 'p95', atMost: 10_000, because: "the seed's floor for a container start" }],
      note: 'tasks of the local engine; Fargate takes tens of seconds',
    },
  ],
};

async function once(): Promise<number> {
  await poolIsFull();
  await emptyPool();
  const seen = await submitUntilOutput({ language: 'python', code: 'print("hello")' });
  await finished(seen.executionId);
  return seen.seenAt - seen.submittedAt;
}

/** As the keeper itself gives up sandboxes: the table's stream then stops their tasks and fills the pool again. */
async function emptyPool(): Promise<void> {
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: status.emulator_url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
  // The adapter's client takes its endpoint from the environment, which is complete only now.
  const { dynamoSandboxes } = await import('../../functions/adapters/dynamo/sandboxes.ts');
  const sandboxes = dynamoSandboxes(output('SandboxesTableName'));
  const { idle } = await sandboxes.pool(DEFAULT_POOL);
  await Promise.all(idle.map((sandboxId) => sandboxes.markStopped(sandboxId, 'bench: an empty pool', new Date())));
}
