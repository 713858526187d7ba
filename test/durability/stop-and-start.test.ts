/** `npm stop` in the middle of everything, and `npm start`. Runs after all other tests: their picture of the instance is gone then. */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { expect, it } from 'vitest';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { readInstance } from '../../local/instance.ts';
import { startInstance, stopInstance } from '../../local/local-cloud.ts';
import { allEvents, approvalOf, approve, finished, get, inPhase, submit, textOf, until } from '../support/airlock.ts';
import { output, reconciling, tables } from '../support/faults.ts';
import { type Person, somebody } from '../support/people.ts';

const RESTARTS = process.env.AIRLOCK_SOAK === '1' ? 3 : 1;
const APPROVALS = 5;
const RUNS = 3;
const PATIENT_MS = 900_000;

const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

it(
  `loses none of ${APPROVALS} waiting approvals, no decision and no record, stopped and started ${RESTARTS === 1 ? 'once' : `${RESTARTS} times`}; ${RUNS} runs in flight end in a true state, none runs twice`,
  async () => {
    const waiting = await times(APPROVALS, (index) =>
      submit({ language: 'python', code: `print("decided after all", ${index})` }),
    );
    for (const execution of waiting) await until('the approval request', () => approvalOf(execution).catch(() => null));
    const people = await times(RESTARTS + 1, () => somebody('approver'));
    const shared = await submit({ language: 'python', code: 'print("agreed by all")' });
    await needs(people.length, shared);
    const flying = await times(RUNS, () =>
      submit({
        language: 'python',
        code: 'import time\nfor n in range(2000):\n    print("alive", n, flush=True)\n    time.sleep(0.1)',
        timeout_seconds: 240,
      }),
    );
    for (const execution of flying) {
      await approve(execution);
      await inPhase(execution.execution_id, 'running');
    }
    const reached = new Map<string, number>();
    for (const { execution_id: id } of flying)
      reached.set(id, await until('durable output', async () => (await get(id)).output_offset || null));
    const before = new Map<string, string[]>();
    for (const { execution_id: id } of [...waiting, ...flying]) before.set(id, actions(await get(id)));

    await agrees(people[0], shared);
    await restarted();

    await reconciling(() => Promise.all(flying.map(({ execution_id: id }) => finished(id, PATIENT_MS))));
    for (const { execution_id: id } of flying) {
      const result = await get(id);
      // Its sandbox went with the machine it ran on.
      expect(result).toMatchObject({ status: 'failed', error: { code: 'sandbox_lost' } });
      expect(result.output_offset).toBeGreaterThanOrEqual(reached.get(id) ?? 0);
      const events = await allEvents(id);
      expect(Buffer.byteLength(textOf(events, 'stdout') + textOf(events, 'stderr'))).toBe(result.output_offset);
      expect(events.filter((event) => event.type === 'started')).toHaveLength(1);
      expect(actions(result).filter((action) => action === 'run_started')).toHaveLength(1);
      expect(actions(result).slice(0, before.get(id)?.length)).toEqual(before.get(id));
    }
    const approved = async (index: number, execution: ExecutionResult) => {
      expect((await approvalOf(execution)).status).toBe('open');
      await approve(execution);
      const result = await finished(execution.execution_id, PATIENT_MS);
      expect(result).toMatchObject({ status: 'completed', output: `decided after all ${index}\n` });
      expect(actions(result).filter((action) => action === 'run_started')).toHaveLength(1);
      expect(actions(result).slice(0, before.get(execution.execution_id)?.length)).toEqual(before.get(execution.execution_id));
    };
    const left = [...waiting.entries()];
    for (const person of people.slice(1, RESTARTS)) {
      await reconciling(() => Promise.all(left.splice(0, 1).map((next) => approved(...next))));
      await agrees(person, shared);
      await restarted();
    }
    const view = await approvalOf(shared);
    expect(view.status).toBe('open');
    expect(view.decisions.map(({ approver }) => approver.user_id)).toEqual(people.slice(0, RESTARTS).map((one) => one.user_id));
    await agrees(people[RESTARTS], shared);
    const [result] = await reconciling(() =>
      Promise.all([finished(shared.execution_id, PATIENT_MS), ...left.map((next) => approved(...next))]),
    );
    expect(result).toMatchObject({ status: 'completed', output: 'agreed by all\n' });
    expect(actions(result).filter((action) => action === 'run_started')).toHaveLength(1);
  },
  (1 + RESTARTS) * PATIENT_MS,
);

async function restarted(): Promise<void> {
  const name = process.env.AIRLOCK_INSTANCE ?? 'test';
  const instance = readInstance(name);
  if (!instance) throw new Error(`there is no instance ${name}`);
  await stopInstance(instance);
  await startInstance(name);
}

/** No rule of this instance asks for so many. */
async function needs(approvers: number, execution: ExecutionResult): Promise<void> {
  const { rule } = await until('the approval request', () => approvalOf(execution).catch(() => null));
  await tables.send(
    new UpdateCommand({
      TableName: output('ApprovalsTableName'),
      Key: { approval_id: execution.approval_id },
      UpdateExpression: 'SET #rule = :rule',
      ExpressionAttributeNames: { '#rule': 'rule' },
      ExpressionAttributeValues: { ':rule': { ...rule, stages: [{ ...rule.stages[0], required_approvers: approvers }] } },
    }),
  );
}

async function agrees(person: Person | undefined, { approval_id, digest }: ExecutionResult): Promise<void> {
  const answer = await person?.call('POST', `/api/v1/approvals/${approval_id}/decision`, { decision: 'approve', digest });
  expect(answer?.status, JSON.stringify(answer?.body)).toBe(200);
}

const actions = (result: { audit_trail: readonly { action: string }[] }): string[] =>
  result.audit_trail.map((entry) => entry.action);
