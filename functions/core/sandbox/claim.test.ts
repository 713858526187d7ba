import { describe, expect, it } from 'vitest';
import { IMAGE_ID, NOW, newExecutionId, newSandboxId, queuedExecution } from '../../../test/support/entities.ts';
import { memoryExecutions, memorySandboxes } from '../../../test/support/memory/stores.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { claimSandbox } from './claim.ts';
import { DEFAULT_POOL } from './line.ts';

const OTHER_IMAGE = 'e'.repeat(64);

/** One that was approved on `IMAGE_ID` claims while this image is offered, and a sandbox of `idleImage` stands ready. */
async function claimWith({ offered, idleImage }: { offered: string; idleImage: string | null }) {
  const id = newExecutionId();
  const executions = memoryExecutions();
  const sandboxes = memorySandboxes();
  const { record } = appendToChain(id, EMPTY_CHAIN, { action: 'made', actor: 'user-1', at: NOW.toISOString(), details: {} });
  await executions.create(queuedExecution(id), record, null);
  if (idleImage !== null) {
    const sandbox_id = newSandboxId();
    const at = NOW.toISOString();
    const starting = { sandbox_id, pool: DEFAULT_POOL, ticket_key_id: 'key', created_at: at, updated_at: at };
    await sandboxes.addStarting({ ...starting, status: 'starting' }, 1);
    await sandboxes.markIdle(sandbox_id, { task_arn: 'task', address: '10.0.0.1', image_id: idleImage }, NOW);
  }
  const parts = { executions, sandboxes, now: () => NOW, random: () => 0.5, currentImageId: offered };
  return await claimSandbox(parts, { execution_id: id, attempt: 1 });
}

describe('an execution on one image', () => {
  it('takes a sandbox of that image, also a last one while another image is offered already', async () => {
    for (const offered of [IMAGE_ID, OTHER_IMAGE])
      expect((await claimWith({ offered, idleImage: IMAGE_ID })).outcome).toBe('claimed');
  });

  it('takes none of another: it waits while its own is offered, and ends when that will never come', async () => {
    for (const idleImage of [OTHER_IMAGE, null]) {
      expect(await claimWith({ offered: IMAGE_ID, idleImage })).toEqual({ outcome: 'none_idle' });
      expect(await claimWith({ offered: OTHER_IMAGE, idleImage })).toEqual({ outcome: 'environment_changed' });
    }
  });
});
