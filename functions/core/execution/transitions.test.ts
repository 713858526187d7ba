import { describe, expect, it } from 'vitest';
import { actorOf, NOW, queuedExecution } from '../../../test/support/entities.ts';
import { memoryExecutions } from '../../../test/support/memory/stores.ts';
import { type Execution, executionCommon } from '../../contracts/execution.ts';
import { appendToChain, EMPTY_CHAIN, findChainFault } from '../audit/chain.ts';
import { authorize } from '../identity/authorize.ts';
import { outcomeOf } from './outcome.ts';
import { bind, type Change, claim, enqueue, finish, update } from './transitions.ts';

const SANDBOX = 'sbx_0198c0de-0000-7000-8000-000000000001';

/** With every field an execution may have from its request. */
const ofTeam = (): Execution => ({
  ...queuedExecution(),
  ...{ team: 'blue', label: 'nightly', justification: 'for the report', max_concurrent: 2 },
});

const next = (change: Change | null): Execution => {
  if (!change) throw new Error('the change does not apply');
  return change.next;
};

/** The row after each step of a run. */
function life(row: Execution): Execution[] {
  const queued = next(enqueue(row, 1, 'token', NOW));
  const starting = next(claim(queued, 1, SANDBOX));
  const running = next(bind(starting, 1, SANDBOX, NOW));
  const outcome = outcomeOf([], 'python', null);
  return [queued, starting, running, next(finish(running, 1, outcome, { last_seq: 1, output_offset: 0 }, NOW))];
}

describe('an execution', () => {
  it.each(['full', 'standard'] as const)(
    'is recorded step by step at the audit level %s, which only says what stands beside it',
    async (level) => {
      const executions = memoryExecutions();
      const row: Execution = { ...queuedExecution(), audit_level: level };
      const { record } = appendToChain(row.execution_id, EMPTY_CHAIN, {
        action: 'submitted',
        actor: 'user-1',
        at: NOW.toISOString(),
        details: {},
      });
      const entity: string = row.execution_id;
      await executions.create(row, record, null);
      await update(executions, entity, NOW, (current) => claim(current, 1, SANDBOX));
      const done = await update(executions, entity, NOW, (current) => bind(current, 1, SANDBOX, NOW));
      if (!done.row) throw new Error('the row is there');
      expect(findChainFault(executions.audit, done.row)).toBeNull();
      expect(executions.audit.map(({ action }) => action)).toEqual(['submitted', 'sandbox_claimed', 'run_started']);
      const told = executions.audit.map(({ details }) => Object.keys(details));
      expect(told).toEqual(level === 'full' ? [[], ['sandbox_id'], ['sandbox_id', 'digest']] : [[], [], []]);
    },
  );

  it('keeps, from its request to its end, every field that all phases have', () => {
    const row = ofTeam();
    expect(Object.keys(executionCommon.shape).filter((field) => !(field in row))).toEqual(['cancel_requested']);
    for (const after of life(row)) expect(executionCommon.parse(after), after.phase).toEqual(executionCommon.parse(row));
  });

  it('of a team is read by nobody of another team, whatever phase it is in', () => {
    const stranger = actorOf(['viewer'], 'user-2', { teams: ['red'] });
    const member = actorOf(['viewer'], 'user-3', { teams: ['blue'] });
    for (const { requester, team = null, environment, label = null, phase } of life(ofTeam())) {
      const resource = { owner_id: requester.user_id, team, environment, label };
      expect(authorize(stranger, 'read_state', resource), phase).toBe(false);
      expect(authorize(member, 'read_state', resource), phase).toBe(true);
    }
  });
});
