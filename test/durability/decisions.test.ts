/** Decisions, while the workers that take, keep and pass them on are killed at points nobody chose. */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ApprovalView } from '../../functions/contracts/approval.ts';
import { approvalOf, as, finished, submit, until } from '../support/airlock.ts';
import { killWorkersOf, reconciling } from '../support/faults.ts';

const KILL_POINTS = process.env.AIRLOCK_SOAK === '1' ? 200 : 20;
/** Of so many one is approved, and takes a sandbox; the others are denied. */
const ONE_RUNS_IN = 7;
const AT_ONCE = 10;
const PATIENT_MS = 900_000;

/** Who writes a decision, and who tells the machine of it. */
const WORKERS = ['api/approvals', 'tasks/await-approval', 'events/approval-changed', 'tasks/record'];

/** As somebody who presses the button again when nothing came back. */
async function decided(approvalId: string | null, decision: 'approve' | 'deny', digest: string): Promise<void> {
  const approver = await as('approver');
  for (const end = Date.now() + PATIENT_MS; Date.now() < end; await sleep(100)) {
    const answer = await approver
      .call<ApprovalView>('POST', `/api/v1/approvals/${approvalId}/decision`, { decision, digest })
      .catch(() => null);
    // 409: the decision whose answer was lost.
    if (answer?.status === 200 || answer?.status === 409) return;
  }
  throw new Error(`${approvalId} could not be decided`);
}

it(
  `none is lost and none counts twice, at ${KILL_POINTS} points`,
  async () => {
    // The seed is shown with a failure, and gives the same points again.
    const points = fc.sample(fc.record({ worker: fc.constantFrom(...WORKERS), after: fc.integer({ min: 0, max: 1500 }) }), {
      numRuns: KILL_POINTS,
      seed: KILL_POINTS,
    });
    const left = [...points.entries()];
    const work = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        const [index, { worker, after }] = next;
        const decision = index % ONE_RUNS_IN === 0 ? 'approve' : 'deny';
        const submitted = await submit({ language: 'python', code: `print("point", ${index})`, approval_required: true });
        const killed = sleep(after).then(() => killWorkersOf(worker));
        await decided(submitted.approval_id, decision, submitted.digest);
        await killed;
        const result = await finished(submitted.execution_id, PATIENT_MS);
        const about = `point ${index}: ${worker} after ${after} ms`;
        expect(result, about).toMatchObject(
          decision === 'approve'
            ? { status: 'completed', output: `point ${index}\n` }
            : { status: 'cancelled', error: { code: 'approval_denied' } },
        );
        // Whoever answers this may be killed at another point just now.
        const view = await until('the request', () => approvalOf(submitted).catch(() => null), PATIENT_MS);
        expect(view.decisions, about).toMatchObject([{ decision }]);
        const starts = result.audit_trail.filter((entry) => entry.action === 'run_started').length;
        expect(starts, about).toBe(decision === 'approve' ? 1 : 0);
      }
    };
    await reconciling(() => Promise.all(Array.from({ length: AT_ONCE }, work)));
  },
  2 * PATIENT_MS,
);
