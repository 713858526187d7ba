import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { approvalOf, as, finished, get, submit } from '../support/airlock.ts';
import { executionRow, invoke, output, stepFunctions } from '../support/faults.ts';

describe('nothing runs that no human approved', () => {
  it('when the state machine is started by hand, with any input', async () => {
    const submitted = await submit({ language: 'python', code: 'print("never")' });
    const id = submitted.execution_id;
    const inputs = [
      { execution_id: id, attempt: 1 },
      { execution_id: id, attempt: 1, phase: 'queued', approved: true, decision: 'approved' },
      { execution_id: id, attempt: 2 },
      { execution_id: 'exec_none', attempt: 1 },
      {},
    ];
    for (const [index, input] of inputs.entries()) {
      const name = `by-hand-${id.slice(-12)}-${index}`;
      await stepFunctions.send(
        new StartExecutionCommand({ stateMachineArn: output('ExecutionStateMachineArn'), name, input: JSON.stringify(input) }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await get(id)).toMatchObject({ phase: 'awaiting_approval', started_at: null });
  });

  it('when every step is called by hand, in order', async () => {
    const submitted = await submit({ language: 'python', code: 'print("never")' });
    // The machine waits for its approvers, and must be woken when it is cancelled, whatever the row says by then.
    await approvalOf(submitted);
    const ids = { execution_id: submitted.execution_id, attempt: 1 };
    await invoke('tasks/join-line', { ...ids, task_token: 'made-up' });
    const claimed = await invoke('tasks/claim-sandbox', ids);
    const sandbox = { ...ids, sandbox_id: String(claimed.sandbox_id ?? 'sbx_01234567-89ab-7def-8123-456789abcdef') };
    expect(await invoke('tasks/issue-ticket', sandbox)).toMatchObject({ outcome: 'refused' });
    expect(await invoke('tasks/run-in-sandbox', sandbox)).not.toMatchObject({ outcome: 'exited' });
    const row = await executionRow(submitted.execution_id);
    expect(row.run_started_at).toBeUndefined();
    // The sandbox it holds would wait for the decision with it.
    await (await as('developer')).call('POST', `/api/v1/executions/${submitted.execution_id}/cancel`, { reason: 'test' });
    expect(await finished(submitted.execution_id)).toMatchObject({ status: 'cancelled', output: '' });
  });
});

describe('the API', () => {
  it('answers nobody who comes around the front door', async () => {
    const url = `${(await import('../support/airlock.ts')).status.emulator_url}/_aws/execute-api/${output('HttpApiId')}/$default/api/v1/executions`;
    const around = await fetch(url, { headers: { 'x-airlock-front-door': 'guess' } });
    expect(around.status).toBe(403);
  });
});
