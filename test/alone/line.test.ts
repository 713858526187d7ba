/** The pool and the line under more work than there is room for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { inTurn } from '../../functions/core/sandbox/line.ts';
import { type Client, until } from '../support/airlock.ts';
import { killSandbox, livingSandboxes, poolNow } from '../support/faults.ts';
import { somebody } from '../support/people.ts';
import { trust } from '../support/trust.ts';

const isSoak = process.env.AIRLOCK_SOAK === '1';
const PATIENT_MS = 900_000;
/** `max_concurrent_executions` of the configuration: so many are served side by side, in no order among themselves. */
const SIDE_BY_SIDE = 10;

let people: Client[] = [];
const restore: (() => Promise<void>)[] = [];

beforeAll(async () => {
  people = await Promise.all(['one', 'two', 'three'].map(() => somebody('developer')));
  for (const person of people) restore.push(await trust(person));
});
afterAll(() => Promise.all(restore.map((put) => put())));

async function submitAs(person: Client, request: object): Promise<ExecutionResult> {
  const answer = await person.call<ExecutionResult>('POST', '/api/v1/execute', { security_profile: 'trusted', ...request });
  if (answer.status !== 202) throw new Error(`submitting answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

const look = async (person: Client, { execution_id }: ExecutionResult): Promise<ExecutionResult> =>
  (await person.call<ExecutionResult>('GET', `/api/v1/executions/${execution_id}`)).body;

const ended = (person: Client, execution: ExecutionResult): Promise<ExecutionResult> =>
  until(
    `the end of ${execution.execution_id}`,
    async () => {
      await sleep(500);
      const now = await look(person, execution);
      return now.phase === 'done' && now;
    },
    PATIENT_MS,
  );

const timeOf = (execution: ExecutionResult, action: string): string =>
  execution.audit_trail.find((entry) => entry.action === action)?.at ?? '';

/** How many each of the three submits. */
const BURST: readonly number[] = isSoak ? [30, 10, 10] : [8, 4, 4];
const ALL = BURST.reduce((sum, count) => sum + count);

describe(`a burst of ${ALL} submissions by three people`, () => {
  it(
    'is served in turns, each person’s own in order, with true places in the line',
    async () => {
      const submitted: { person: Client; execution: ExecutionResult }[] = [];
      // One after the other for each of them, all three at once.
      await Promise.all(
        BURST.map(async (count, index) => {
          const person = people[index] as Client;
          for (let n = 0; n < count; n += 1)
            submitted.push({ person, execution: await submitAs(person, { language: 'bash', code: 'echo done' }) });
        }),
      );
      const first = submitted.filter(({ person }) => person === people[0]);
      const seen = (await Promise.all(first.map(({ person, execution }) => look(person, execution)))).filter(
        (execution) => execution.phase === 'queued',
      );
      for (const execution of seen) {
        expect(execution.queue_position).toBeGreaterThan(0);
        expect(execution.queue_position).toBeLessThanOrEqual(ALL);
        expect(execution.queue_estimate_seconds).toBeGreaterThanOrEqual(0);
      }
      const results = await Promise.all(submitted.map(({ person, execution }) => ended(person, execution)));
      for (const result of results) expect(result).toMatchObject({ status: 'completed', output: 'done\n' });

      // Whoever submitted most did not keep the others waiting: nobody was served much before or after its turn.
      const { next: turns } = inTurn(results.map((result) => ({ ...result, queued_at: timeOf(result, 'submitted') })));
      const served = [...results].sort((a, b) => timeOf(a, 'sandbox_claimed').localeCompare(timeOf(b, 'sandbox_claimed')));
      const most = first[0]?.execution.requester.user_id;
      const ofOthers = (rows: readonly ExecutionResult[]): number => rows.filter((row) => row.requester.user_id !== most).length;
      for (let count = 1; count <= ALL; count += 1) {
        const due = ofOthers(turns.slice(0, Math.max(0, count - SIDE_BY_SIDE)));
        expect(ofOthers(served.slice(0, count)), `of the other two among the first ${count}`).toBeGreaterThanOrEqual(due);
      }
      for (const users of Map.groupBy(served, (result) => result.requester.user_id).values()) {
        users.forEach((result, index) => {
          const before = users.filter((other) => other.execution_id < result.execution_id).length;
          expect(Math.abs(before - index), 'places a run was served away from its own order').toBeLessThan(SIDE_BY_SIDE);
        });
      }
    },
    PATIENT_MS,
  );
});

/** Whoever kills an idle sandbox may hit one that somebody else claimed at that very moment. */
const expectEnd = (result: ExecutionResult, code: string): void =>
  expect(['sandbox_lost', code], JSON.stringify(result.error)).toContain(result.error?.code);

describe(`after ${isSoak ? 200 : 30} runs with faults`, () => {
  it(
    'no sandbox is left over, and the pool stands as before',
    async () => {
      const faults: ((person: Client) => Promise<void>)[] = [
        async (person) => void (await ended(person, await submitAs(person, { language: 'python', code: 'print(1)' }))),
        async (person) => {
          const execution = await submitAs(person, { language: 'python', code: 'import time; time.sleep(60)' });
          await person.call('POST', `/api/v1/executions/${execution.execution_id}/cancel`, { reason: 'test' });
          expectEnd(await ended(person, execution), 'cancelled');
        },
        async (person) => {
          const code = 'while true; do :; done';
          const execution = await submitAs(person, { language: 'bash', code, timeout_seconds: 0.5 });
          expectEnd(await ended(person, execution), 'time_limit');
        },
        async (person) => {
          const execution = await submitAs(person, { language: 'nodejs', code: 'setTimeout(() => {}, 60000)' });
          const running = await until('the run', async () => {
            const now = await look(person, execution);
            return now.phase === 'running' && now;
          });
          const sandbox = running.audit_trail.find((entry) => entry.action === 'run_started')?.details.sandbox_id;
          expect(killSandbox(String(sandbox))).toBeGreaterThan(0);
          expectEnd(await ended(person, execution), 'sandbox_lost');
        },
        async (person) => {
          const [idle] = (await poolNow()).idle;
          if (idle) killSandbox(idle);
          expectEnd(await ended(person, await submitAs(person, { language: 'bash', code: 'exit 3' })), 'program_failed');
        },
      ];
      const count = isSoak ? 200 : 30;
      let next = 0;
      const work = async (person: Client): Promise<void> => {
        while (next < count) {
          const fault = faults[next % faults.length];
          next += 1;
          await fault?.(person);
        }
      };
      await Promise.all(people.map(work));
      await until(
        'the pool to stand as before',
        async () => {
          const pool = await poolNow();
          const living = await livingSandboxes();
          // Some more than the pool's size stay for a while: a burst seldom comes alone.
          const isClean = pool.starting.length === 0 && pool.admitted.length === 0 && pool.idle.length >= 2;
          return isClean && living.join() === [...pool.idle].sort().join();
        },
        PATIENT_MS,
      );
    },
    4 * PATIENT_MS,
  );
});
