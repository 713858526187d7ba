import { setTimeout as sleep } from 'node:timers/promises';
import { get, until } from '../support/airlock.ts';
import { poolNow } from '../support/faults.ts';
import { type Measurement, repeat } from './measurement.ts';
import { now, poolIsFull, submitTrusted } from './stack.ts';

const AT_ONCE = 50;
const PATIENCE_MS = 600_000;
const LOOK_EVERY_MS = 1000;

/** Fifty runs submitted together → each one recorded as done; then how fast the pool came back. */
export const burst: Measurement = {
  name: 'burst',
  rounds: { usual: 1, full: 3 },
  async measure(rounds) {
    const bursts = await repeat(rounds, together);
    return [
      {
        what: `${AT_ONCE} runs at once: submit → done (bash)`,
        unit: 'ms',
        samples: bursts.flatMap((one) => one.times),
        bars: [],
        note: 'ten side by side; each in a sandbox of its own, nearly all started for it',
      },
      {
        what: 'sandboxes started in that time, a minute',
        unit: '/min',
        samples: bursts.map((one) => one.perMinute),
        bars: [],
      },
    ];
  },
};

async function together(): Promise<{ times: number[]; perMinute: number }> {
  await poolIsFull();
  const before = await poolNow();
  const startedAt = now();
  const times = await Promise.all(Array.from({ length: AT_ONCE }, once));
  await poolIsFull();
  const minutes = (now() - startedAt) / 60_000;
  return { times, perMinute: (AT_ONCE - before.idle.length + (await poolNow()).idle.length) / minutes };
}

async function once(): Promise<number> {
  const submittedAt = now();
  const { execution_id: id } = await submitTrusted({ language: 'bash', code: 'echo hello' });
  const result = await until(
    `the end of ${id}`,
    async () => {
      await sleep(LOOK_EVERY_MS);
      const execution = await get(id);
      return execution.phase === 'done' && execution;
    },
    PATIENCE_MS,
  );
  if (result.status !== 'completed' || !result.finished_at) throw new Error(`${id} ended as ${JSON.stringify(result.error)}`);
  return Date.parse(result.finished_at) - submittedAt;
}
