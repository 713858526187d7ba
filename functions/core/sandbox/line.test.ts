import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IMAGE_ID, NOW, newExecutionId, newSandboxId, queuedExecution } from '../../../test/support/entities.ts';
import { memoryExecutions, memorySandboxes, memoryTokens } from '../../../test/support/memory/stores.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { admitWaiting, inTurn } from './line.ts';

const at = (user: string, second: number) => ({
  execution_id: newExecutionId(),
  requester: { user_id: user },
  queued_at: new Date(NOW.getTime() + second * 1000).toISOString(),
});

describe('the line', () => {
  it('lets users take turns, each user’s own in order', () => {
    const line = inTurn([at('a', 0), at('a', 1), at('a', 2), at('b', 3), at('c', 4), at('b', 5)]);
    expect(line.map((row) => row.requester.user_id).join('')).toBe('abcaba');
  });

  it('holds everybody once, in each user’s own order, and nobody waits for more than one of each other user per own turn', () => {
    const waiting = fc.array(fc.record({ user: fc.constantFrom('a', 'b', 'c', 'd'), second: fc.nat({ max: 100 }) }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(waiting, (rows) => {
        const queued = rows.map(({ user, second }) => at(user, second));
        const line = inTurn(queued);
        expect(new Set(line)).toEqual(new Set(queued));
        for (const user of ['a', 'b', 'c', 'd']) {
          const own = line.filter((row) => row.requester.user_id === user);
          expect(own.map((row) => row.queued_at)).toEqual(own.map((row) => row.queued_at).sort());
          own.forEach((row, turn) => {
            const before = line.slice(0, line.indexOf(row)).filter((other) => other.requester.user_id !== user);
            const perUser = Map.groupBy(before, (other) => other.requester.user_id);
            for (const others of perUser.values()) expect(others.length).toBeLessThanOrEqual(turn + 1);
          });
        }
      }),
    );
  });
});

describe('admission', () => {
  async function prepare(waiting: number, idle: number) {
    const parts = { executions: memoryExecutions(), sandboxes: memorySandboxes(), tokens: memoryTokens(), maxConcurrent: 2 };
    for (let index = 0; index < waiting; index += 1) {
      const row = { ...queuedExecution(), queue_token: `token-${index}` };
      const { record } = appendToChain(row.execution_id, EMPTY_CHAIN, {
        action: 'submitted',
        actor: 'user-1',
        at: row.created_at,
        details: {},
      });
      await parts.executions.create(row, record, null);
    }
    for (let index = 0; index < idle; index += 1) {
      const id = newSandboxId();
      const created = { pool: 'default', ticket_key_id: 'key-1', created_at: NOW.toISOString(), updated_at: NOW.toISOString() };
      await parts.sandboxes.addStarting({ sandbox_id: id, status: 'starting', ...created }, 10);
      await parts.sandboxes.markIdle(id, { task_arn: 'arn', address: '10.0.0.1', image_id: IMAGE_ID }, NOW);
    }
    return parts;
  }

  it('never goes beyond the concurrent executions allowed, however often it is tried', async () => {
    const parts = await prepare(5, 5);
    await Promise.all([admitWaiting(parts), admitWaiting(parts), admitWaiting(parts)]);
    expect((await parts.sandboxes.pool('default')).admitted).toHaveLength(2);
    expect(new Set(parts.tokens.completed).size).toBe(2);
  });

  it('waits for an idle sandbox', async () => {
    const parts = await prepare(3, 0);
    expect(await admitWaiting(parts)).toEqual([]);
    expect(parts.tokens.completed).toEqual([]);
  });

  it('wakes again who holds a place and still waits', async () => {
    const parts = await prepare(1, 1);
    await admitWaiting(parts);
    await admitWaiting(parts);
    expect(parts.tokens.completed).toEqual(['token-0', 'token-0']);
  });
});
