/** Processes of ours killed while work goes on. What comes back does so by `npm start`, as an operator would do it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { runningDaemon } from '../../local/daemon.ts';
import { readInstance } from '../../local/instance.ts';
import { startInstance } from '../../local/local-cloud.ts';
import { edgeName } from '../../local/parts/edge.ts';
import { valkeyName } from '../../local/parts/valkey.ts';
import { allEvents, approve, finished, until } from '../support/airlock.ts';
import { countingRun, expectWholeRun, submitCounting } from '../support/counting.ts';
import { executionRow, killWorkersOf, reconciling, withFrozenSupervisor } from '../support/faults.ts';

const name = process.env.AIRLOCK_INSTANCE ?? 'test';

function killPart(part: string): void {
  const instance = readInstance(name);
  const daemon = instance && runningDaemon(instance, part);
  if (!daemon) throw new Error(`${part} does not run`);
  process.kill(daemon.pid, 'SIGKILL');
}

const PATIENT_MS = 900_000;
const KILLING_MS = 6000;
/** The dispatcher gives a connection up after ten seconds without a word. */
const SILENCE_MS = 12_000;

const TASKS = ['await-approval', 'join-line', 'claim-sandbox', 'issue-ticket', 'run-in-sandbox', 'record'] as const;

describe('a run goes on, once, with all its output', () => {
  it.each([edgeName, valkeyName])('when the part %s is killed, and comes back by a start', async (part) => {
    const executionId = await countingRun(6);
    killPart(part);
    await startInstance(name);
    await expectWholeRun(executionId, 6);
  });

  it('when its supervisor is silent for so long that the connection counts as dead', async () => {
    const executionId = await countingRun(6);
    const { sandbox_id: sandboxId } = await executionRow(executionId);
    await withFrozenSupervisor(String(sandboxId), () => sleep(SILENCE_MS));
    await expectWholeRun(executionId, 6);
  });
});

// All at once: whoever is taken up again by the reconciler waits a minute or two.
describe('executions whose workers are killed again and again, one task of the machine each', () => {
  it(
    'end in a true state, and run at most once',
    async () => {
      const ends = TASKS.map(async (task) => {
        const { execution_id: id, ...submitted } = await submitCounting(2);
        const killed = killFor(KILLING_MS, task);
        await until(
          'the approval',
          () =>
            approve(submitted).then(
              () => true,
              () => false,
            ),
          PATIENT_MS,
        );
        expect(await killed, `workers of ${task} killed`).toBeGreaterThan(0);
        const result = await finished(id, PATIENT_MS);
        expect(result.audit_trail.filter((entry) => entry.action === 'run_started').length).toBeLessThanOrEqual(1);
        if (result.status === 'completed') await expectWholeRun(id, 2);
        else
          expect(result).toMatchObject({
            status: 'failed',
            error: { code: expect.stringMatching(/^(internal_error|sandbox_lost)$/) },
          });
        expect((await allEvents(id)).filter((event) => event.type === 'started').length).toBeLessThanOrEqual(1);
      });
      await reconciling(() => Promise.all(ends));
    },
    PATIENT_MS,
  );
});

async function killFor(milliseconds: number, task: (typeof TASKS)[number]): Promise<number> {
  const end = Date.now() + milliseconds;
  let killed = 0;
  while (Date.now() < end) {
    killed += killWorkersOf(`tasks/${task}`);
    await sleep(150);
  }
  return killed;
}
