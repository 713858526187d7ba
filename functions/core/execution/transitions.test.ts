import { expect, it } from 'vitest';
import { NOW, newSandboxId, queuedExecution } from '../../../test/support/entities.ts';
import { type Execution, executionCommon } from '../../contracts/execution.ts';
import { outcomeWithoutRun } from './outcome.ts';
import { bind, type Change, claim, enqueue, finish, requestCancel, takeOver } from './transitions.ts';

it('an execution keeps all that was said of it when it was submitted, through every phase', () => {
  const more = { label: 'a', team: 'red', justification: 'because', max_concurrent: 3 };
  const submitted: Execution = { ...queuedExecution(), ...more };
  const said = Object.keys(executionCommon.shape).filter((name) => name !== 'cancel_requested');
  expect(Object.keys(submitted)).toEqual(expect.arrayContaining(said));

  const sandboxId = newSandboxId();
  const nothing = outcomeWithoutRun({ code: 'internal_error', message: '' });
  const steps: ((row: Execution) => Change | null)[] = [
    (row) => enqueue(row, 1, 'token', NOW),
    (row) => claim(row, 1, sandboxId),
    (row) => bind(row, 1, sandboxId, NOW),
    (row) => requestCancel(row, 'user-1', 'enough', NOW),
    (row) => takeOver(row, 1),
    (row) => finish(row, 2, nothing, { last_seq: 0, output_offset: 0 }, NOW),
  ];
  const end = steps.reduce<Execution>((row, step) => {
    const change = step(row);
    if (!change) throw new Error(`the step from ${row.phase} does not apply`);
    expect(change.next).toMatchObject({ ...executionCommon.parse(submitted), attempt: change.next.attempt });
    return change.next;
  }, submitted);
  expect(end).toMatchObject({ phase: 'done', team: 'red', cancel_requested: { reason: 'enough' } });
  expect(end).not.toHaveProperty('queue_token');
});
