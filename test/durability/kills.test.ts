/** Processes of ours killed while work goes on. What comes back does so by `npm start`, as an operator would do it. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { runningDaemon } from '../../local/daemon.ts';
import { readInstance } from '../../local/instance.ts';
import { startInstance } from '../../local/local-cloud.ts';
import { edgeName } from '../../local/parts/edge.ts';
import { valkeyName } from '../../local/parts/valkey.ts';
import { allEvents, approve, finished, until } from '../support/airlock.ts';
import { countingRun, expectWholeRun, submitCounting } from '../support/counting.ts';
import { executionRow, killWorkersOf, output, tables } from '../support/faults.ts';

const name = process.env.AIRLOCK_INSTANCE ?? 'test';

function killPart(part: string): void {
  const instance = readInstance(name);
  const daemon = instance && runningDaemon(instance, part);
  if (!daemon) throw new Error(`${part} does not run`);
  process.kill(daemon.pid, 'SIGKILL');
}

const PATIENT_MS = 900_000;

const TASKS = ['await-approval', 'join-line', 'claim-sandbox', 'issue-ticket', 'run-in-sandbox', 'record'] as const;

describe('a run goes on, once, with all its output', () => {
  it.each([edgeName, valkeyName])('when the part %s is killed, and comes back by a start', async (part) => {
    const executionId = await countingRun(6);
    killPart(part);
    await startInstance(name);
    await expectWholeRun(executionId, 6);
  });

  it('when the connection to its supervisor is cut', async () => {
    const executionId = await countingRun(6);
    const { sandbox_id } = await executionRow(executionId);
    const { Item } = await tables.send(new GetCommand({ TableName: output('SandboxesTableName'), Key: { sandbox_id } }));
    const cut = execFileSync('ss', ['-K', '-t', '-H', 'dst', `${Item?.address}:8090`]).toString();
    expect(cut.trim().split('\n').length, cut).toBeGreaterThan(0);
    await expectWholeRun(executionId, 6);
  });
});

describe.each(TASKS)('an execution whose workers of %s are killed again and again', (task) => {
  it(
    'ends in a true state, and runs at most once',
    async () => {
      const submitted = await submitCounting(2);
      const killed = killFor(5000, task);
      await until(
        'the approval',
        () =>
          approve(submitted).then(
            () => true,
            () => false,
          ),
        PATIENT_MS,
      );
      expect(await killed, 'workers killed').toBeGreaterThan(0);
      const result = await finished(submitted.execution_id, PATIENT_MS);
      expect(result.audit_trail.filter((entry) => entry.action === 'run_started').length).toBeLessThanOrEqual(1);
      if (result.status === 'completed') await expectWholeRun(submitted.execution_id, 2);
      else
        expect(result).toMatchObject({
          status: 'failed',
          error: { code: expect.stringMatching(/^(internal_error|sandbox_lost)$/) },
        });
      expect((await allEvents(submitted.execution_id)).filter((event) => event.type === 'started').length).toBeLessThanOrEqual(1);
    },
    PATIENT_MS,
  );
});

async function killFor(milliseconds: number, task: (typeof TASKS)[number]): Promise<number> {
  const until = Date.now() + milliseconds;
  let killed = 0;
  while (Date.now() < until) {
    killed += killWorkersOf(`tasks/${task}`);
    await sleep(100);
  }
  return killed;
}
