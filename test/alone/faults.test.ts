import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { createClient } from 'redis';
import { describe, expect, it } from 'vitest';
import { approvalOf, approve, finished, get, status, submit, until } from '../support/airlock.ts';
import { countingRun, expectWholeRun } from '../support/counting.ts';
import {
  executionRow,
  invoke,
  killSandbox,
  killWorkersOf,
  output,
  poolNow,
  stepFunctions,
  timesEntered,
  withFrozen,
  withVariable,
} from '../support/faults.ts';

describe('a run goes on, once, with all its output', () => {
  it('when its dispatcher is killed', async () => {
    const executionId = await countingRun(5);
    expect(killWorkersOf('tasks/run-in-sandbox')).toBeGreaterThan(0);
    await expectWholeRun(executionId, 5);
  });

  it('when dispatchers hand over to each other, three times and more', async () => {
    await withVariable('tasks/run-in-sandbox', 'DISPATCH_BUDGET_MS', '5000', async () => {
      const executionId = await countingRun(20);
      await expectWholeRun(executionId, 20);
      expect(await timesEntered(executionId, 'Run in a sandbox')).toBeGreaterThan(3);
    });
  });

  it('when the live log is away', async () => {
    const executionId = await countingRun(4);
    await withFrozen('valkey', () => new Promise((resolve) => setTimeout(resolve, 6000)));
    await expectWholeRun(executionId, 4);
  });

  it('when the live log loses everything in the middle', async () => {
    const executionId = await countingRun(4);
    const valkey = createClient({ url: status.valkey_url });
    await valkey.connect();
    await valkey.flushAll();
    valkey.destroy();
    await expectWholeRun(executionId, 4);
  });

  it('when the cloud does not answer for a while', async () => {
    const executionId = await countingRun(4);
    await withFrozen('emulator', () => new Promise((resolve) => setTimeout(resolve, 5000)));
    await expectWholeRun(executionId, 4);
  });
});

describe('a run whose sandbox is killed', () => {
  it('ends as failed with sandbox_lost, keeps its output, and is not started again', async () => {
    const executionId = await countingRun(60);
    const { sandbox_id: sandboxId } = await executionRow(executionId);
    await until('some durable output', async () => (await get(executionId)).last_seq > 10);
    expect(killSandbox(String(sandboxId))).toBeGreaterThan(0);
    const result = await finished(executionId);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'sandbox_lost' } });
    expect(result.output).toMatch(/^started \d+\n0\n1\n/);
    expect(result.audit_trail.filter((entry) => entry.action === 'run_started')).toHaveLength(1);
  });
});

describe('a sandbox that died while it was idle', () => {
  it('is noticed before anything is bound to it, and another one runs the job', async () => {
    const idle = await until('idle sandboxes', async () => await poolNow().then((pool) => pool.idle.length > 0 && pool.idle));
    const submitted = await submit({ language: 'python', code: 'print("ran")' });
    for (const sandboxId of idle) expect(killSandbox(sandboxId)).toBeGreaterThan(0);
    await approve(submitted);
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'completed', output: 'ran\n' });
    expect(result.audit_trail.filter((entry) => entry.action === 'run_started')).toHaveLength(1);
  });
});

describe('an execution whose state machine is gone', () => {
  it('is taken up again by the reconciler with its approval, and runs once', async () => {
    const submitted = await submit({ language: 'python', code: 'print("after all")' });
    await until('the machine to wait', () => approvalOf(submitted));
    const arn = `${output('ExecutionStateMachineArn').replace(':stateMachine:', ':execution:')}:${submitted.execution_id}-1`;
    await stepFunctions.send(new StopExecutionCommand({ executionArn: arn, cause: 'test' }));
    await approve(submitted);
    // A row is somebody's work in progress for a minute; only then is it taken up.
    await until('the next attempt', async () => {
      await invoke('events/reconciler', {});
      return Number((await executionRow(submitted.execution_id)).attempt) === 2;
    });
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'completed', output: 'after all\n' });
    expect(result.audit_trail.filter((entry) => entry.action === 'run_started')).toHaveLength(1);
  });
});
