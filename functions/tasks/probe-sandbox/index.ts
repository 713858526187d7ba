import type { z } from 'zod';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { httpSupervisor } from '../../adapters/supervisor/http.ts';
import { probeSandboxInput, type probeSandboxOutput } from '../../contracts/tasks.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock, wait } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const sandboxes = dynamoSandboxes(environmentOf('tasks/probe-sandbox').SANDBOXES_TABLE);

const PATIENCE_MS = 50_000;
const PAUSE_MS = 100;

/** Waits until the supervisor says that it is ready for its one job, and writes it into the pool. */
export const handler = taskHandler(
  'probe sandbox',
  probeSandboxInput,
  async (input): Promise<z.infer<typeof probeSandboxOutput>> => {
    const until = clock.now().getTime() + PATIENCE_MS;
    const supervisor = httpSupervisor(input.address);
    while (clock.now().getTime() < until) {
      const health = await supervisor.health();
      if (health?.status === 'idle') {
        if (health.sandbox_id !== input.sandbox_id) return { outcome: 'gone' };
        const { task_arn, address } = input;
        const isIdle = await sandboxes.markIdle(input.sandbox_id, { task_arn, address, image_id: health.image_id }, clock.now());
        return { outcome: isIdle ? 'idle' : 'gone' };
      }
      if (health && health.status !== 'starting') return { outcome: 'gone' };
      await wait(PAUSE_MS);
    }
    return { outcome: 'not_ready' };
  },
);
