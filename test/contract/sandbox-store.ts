/** What every store of sandboxes keeps under any number of callers. Each test has a pool of its own. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SandboxStore } from '../../functions/core/sandbox/ports.ts';
import { IMAGE_ID, NOW, newExecutionId, newSandboxId } from '../support/entities.ts';

const at = NOW.toISOString();
const later = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

export function sandboxStoreContract(name: string, open: () => Promise<SandboxStore>, { runs }: { runs: number }): void {
  const starting = (pool: string) => ({
    sandbox_id: newSandboxId(),
    pool,
    ticket_key_id: 'key-1',
    status: 'starting' as const,
    created_at: at,
    updated_at: at,
  });
  const idleIn = async (store: SandboxStore, pool: string, image = IMAGE_ID): Promise<string> => {
    const sandbox = starting(pool);
    if (!(await store.addStarting(sandbox, 1000))) throw new Error('the pool is full');
    await store.markIdle(sandbox.sandbox_id, { task_arn: 'arn', address: '10.0.0.1', image_id: image }, later(2));
    return sandbox.sandbox_id;
  };

  describe(`sandboxes in ${name}`, () => {
    it('are claimed by exactly one of many, each of them', async () => {
      const store = await open();
      const property = fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 2, max: 12 }),
        async (sandboxes, claimants) => {
          const pool = randomUUID();
          const ids: string[] = [];
          for (let count = 0; count < sandboxes; count += 1) ids.push(await idleIn(store, pool));
          const claims = Array.from({ length: claimants }, async () => {
            const execution = { execution_id: newExecutionId(), attempt: 1, image_id: IMAGE_ID };
            for (const id of ids) if (await store.claim(id, execution, NOW)) return { id, by: execution.execution_id };
            return null;
          });
          const won = (await Promise.all(claims)).filter((claim) => claim !== null);
          expect(won).toHaveLength(Math.min(sandboxes, claimants));
          expect(new Set(won.map((claim) => claim.id)).size).toBe(won.length);
          for (const { id, by } of won) expect(await store.get(id)).toMatchObject({ status: 'claimed', execution_id: by });
        },
      );
      await fc.assert(property, { numRuns: runs });
    });

    it('are claimed for no other image than their own, and never again once they stopped', async () => {
      const store = await open();
      const id = await idleIn(store, randomUUID());
      const execution = { execution_id: newExecutionId(), attempt: 1, image_id: 'e'.repeat(64) };
      expect(await store.claim(id, execution, NOW)).toBeNull();
      await store.markStopped(id, 'test', NOW);
      expect(await store.claim(id, { ...execution, image_id: IMAGE_ID }, NOW)).toBeNull();
      expect(await store.markIdle(id, { task_arn: 'arn', address: '10.0.0.1', image_id: IMAGE_ID }, NOW)).toBe(false);
    });

    it('are never more than the pool’s size, however many add to it at once', async () => {
      const store = await open();
      const pool = randomUUID();
      for (let round = 0; round < 3; round += 1)
        await Promise.all(Array.from({ length: 6 }, () => store.addStarting(starting(pool), 3)));
      expect((await store.pool(pool)).starting).toHaveLength(3);
    });

    it('leave the pool when they stop, in every state', async () => {
      const store = await open();
      const pool = randomUUID();
      const young = starting(pool);
      await store.addStarting(young, 10);
      const idle = await idleIn(store, pool);
      expect(await store.markStopped(young.sandbox_id, 'test', NOW)).toBe(true);
      expect(await store.markStopped(idle, 'test', NOW)).toBe(true);
      expect(await store.markStopped(idle, 'again', NOW)).toBe(false);
      expect(await store.pool(pool)).toMatchObject({ starting: [], idle: [] });
      expect(await store.get(idle)).toMatchObject({ status: 'stopped', reason: 'test' });
    });

    it('give out as many places as there are, to the same holder once', async () => {
      const store = await open();
      const pool = randomUUID();
      const places = Array.from({ length: 6 }, (_, index) => ({ execution_id: newExecutionId(), user_id: `user-${index}` }));
      const admitted = await Promise.all(
        [...places, ...places].map((place) => store.admit(pool, place, { inAll: 2, ofUser: 2 })),
      );
      expect(admitted.filter(Boolean)).toHaveLength(4);
      const holders = (await store.pool(pool)).admitted;
      expect(holders).toHaveLength(2);
      for (const place of holders) expect(places).toContainEqual(place);
    });

    it('give one person no more places than may be theirs, however many ask at once, and others theirs', async () => {
      const store = await open();
      const pool = randomUUID();
      const placesOf = (user_id: string) => Array.from({ length: 5 }, () => ({ execution_id: newExecutionId(), user_id }));
      const [greedy, modest] = [placesOf('greedy'), placesOf('modest')];
      const most = { inAll: 4, ofUser: 3 };
      const admitted = await Promise.all(greedy.map((place) => store.admit(pool, place, most)));
      expect(admitted.filter(Boolean)).toHaveLength(3);
      const others = await Promise.all(modest.map((place) => store.admit(pool, place, most)));
      expect(others.filter(Boolean)).toHaveLength(1);
      const first = (await store.pool(pool)).admitted.find(({ user_id }) => user_id === 'greedy');
      if (!first) throw new Error('nobody was admitted');
      expect(await store.admit(pool, first, most)).toBe(true);
      await store.releasePlace(pool, first, null);
      await store.releasePlace(pool, first, null);
      const again = await Promise.all(placesOf('greedy').map((place) => store.admit(pool, place, most)));
      expect(again.filter(Boolean)).toHaveLength(1);
    });

    it('become idle in their row and in the pool together', async () => {
      const store = await open();
      const pool = randomUUID();
      const sandbox = starting(pool);
      await store.addStarting(sandbox, 5);
      const facts = { task_arn: 'arn', address: '10.0.0.1', image_id: IMAGE_ID };
      const marked = await Promise.all(Array.from({ length: 4 }, () => store.markIdle(sandbox.sandbox_id, facts, later(2))));
      expect(marked.filter(Boolean)).toHaveLength(1);
      expect(await store.pool(pool)).toMatchObject({ starting: [], idle: [sandbox.sandbox_id], mean_start_seconds: 2 });
    });

    it('take a place back once, and know how long runs and starts took', async () => {
      const store = await open();
      const pool = randomUUID();
      expect(await store.pool(pool)).toMatchObject({ mean_run_seconds: null });
      const place = { execution_id: newExecutionId(), user_id: 'user-1' };
      await store.admit(pool, place, { inAll: 2, ofUser: 2 });
      await store.releasePlace(pool, place, 4);
      await store.releasePlace(pool, place, 400);
      await store.releasePlace(pool, { ...place, execution_id: newExecutionId() }, 400);
      expect(await store.pool(pool)).toMatchObject({ admitted: [], mean_run_seconds: 4 });
    });

    it('are probed by one at a time', async () => {
      const store = await open();
      const sandbox = starting(randomUUID());
      await store.addStarting(sandbox, 1);
      const probes = await Promise.all(Array.from({ length: 5 }, () => store.beginProbe(sandbox.sandbox_id, NOW, 60_000)));
      expect(probes.filter(Boolean)).toHaveLength(1);
      expect(await store.beginProbe(sandbox.sandbox_id, later(61), 60_000)).toBe(true);
    });

    it('lend a lease to one at a time, until it ends', async () => {
      const store = await open();
      const lease = randomUUID();
      const taken = await Promise.all(Array.from({ length: 5 }, () => store.lease(lease, NOW, 1000)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await store.lease(lease, later(2), 1000)).toBe(true);
      await store.endLease(lease);
      expect(await store.lease(lease, later(2), 1000)).toBe(true);
    });
  });
}
