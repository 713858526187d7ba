import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IMAGE_ID, NOW, newExecutionId, newSandboxId, queuedExecution } from '../../../test/support/entities.ts';
import { memoryExecutions, memorySandboxes, memoryTokens } from '../../../test/support/memory/stores.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { admitNext, estimateWait, inTurn, type LineParts, lineNow } from './line.ts';

const at = (user: string, second: number) => ({
  execution_id: newExecutionId(),
  requester: { user_id: user },
  queued_at: new Date(NOW.getTime() + second * 1000).toISOString(),
});

describe('the line', () => {
  it('lets users take turns, each user’s own in order', () => {
    const { next } = inTurn([at('a', 0), at('a', 1), at('a', 2), at('b', 3), at('c', 4), at('b', 5)]);
    expect(next.map((row) => row.requester.user_id).join('')).toBe('abcaba');
  });

  it('holds back what goes beyond what a user may run at the same time, and lets others pass', () => {
    const limited = (second: number) => ({ ...at('a', second), max_concurrent: 2 });
    const running = [{ execution_id: newExecutionId(), user_id: 'a' }];
    const { next, held } = inTurn([limited(0), limited(1), limited(2), at('b', 3), at('b', 4)], running);
    expect(next.map((row) => row.requester.user_id).join('')).toBe('abb');
    expect(held.map((row) => row.requester.user_id).join('')).toBe('aa');
  });

  it('does not count a place twice that its holder waits with again', () => {
    const row = { ...at('a', 0), max_concurrent: 1 };
    expect(inTurn([row], [{ execution_id: row.execution_id, user_id: 'a' }]).next).toEqual([row]);
  });

  it('holds everybody once, in each user’s own order, and nobody waits for more than one of each other user per own turn', () => {
    const waiting = fc.array(fc.record({ user: fc.constantFrom('a', 'b', 'c', 'd'), second: fc.nat({ max: 100 }) }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(waiting, (rows) => {
        const queued = rows.map(({ user, second }) => at(user, second));
        const { next: line } = inTurn(queued);
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

const admitWaiting = async (parts: LineParts): Promise<string[]> => await admitNext(parts, await lineNow(parts));

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

  it('serves a second person although a first has a longer queue than anybody looks at', async () => {
    const parts = await prepare(300, 3);
    const other = { ...queuedExecution(newExecutionId(), 'user-2'), queue_token: 'token-of-the-other' };
    const late = { ...other, queued_at: new Date(NOW.getTime() + 3600_000).toISOString() };
    const draft = { action: 'submitted', actor: 'user-2', at: late.created_at, details: {} };
    await parts.executions.create(late, appendToChain(late.execution_id, EMPTY_CHAIN, draft).record, null);
    expect(await admitWaiting(parts)).toContain(late.execution_id);
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

describe('the estimate', () => {
  const pool = { starting: [], idle: ['sbx_1'], admitted: [], mean_start_seconds: 30, mean_run_seconds: 8 };
  const busy = Array.from({ length: 2 }, (_, index) => ({ execution_id: `exec_${index}`, user_id: 'a' }));

  it('is nothing where a sandbox stands ready, and a start where none does', () => {
    expect(estimateWait(1, pool, 2)).toBe(0);
    expect(estimateWait(2, pool, 2)).toBe(30);
  });

  it('counts the rounds of runs that end before', () => {
    expect(estimateWait(1, { ...pool, idle: [], admitted: busy }, 2)).toBe(38);
    expect(estimateWait(5, { ...pool, admitted: busy }, 2)).toBe(3 * 8 + 30);
  });

  it('says tens of seconds before anything was measured', () => {
    expect(estimateWait(1, { ...pool, idle: [], mean_start_seconds: null, mean_run_seconds: null }, 2)).toBe(40);
  });
});
