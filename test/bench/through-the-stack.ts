import { finished } from '../support/airlock.ts';
import { createEmptyMachine } from './empty-machine.ts';
import { type Measurement, quantile, type Row, repeat } from './measurement.ts';
import { auditTime, eventTime, poolIsFull, submitUntilOutput } from './stack.ts';

/** Tasks of the execution's machine up to the first output: join the line, claim a sandbox, issue the ticket, dispatch. */
const TASKS = 4;
const OVERHEAD_MS = 120;

/** Submit → first output seen by an API client, warm, in turn with the empty machine. */
export const throughTheStack: Measurement = {
  name: 'stack',
  rounds: { usual: 10, full: 60 },
  async measure(rounds) {
    const machine = await createEmptyMachine(TASKS);
    try {
      // Workers of both come up.
      await machine.run();
      await once();
      const pairs = await repeat(rounds, async () => {
        await poolIsFull();
        return { empty: await machine.run(), run: await once() };
      });
      return rowsOf(
        pairs.map((pair) => pair.run),
        pairs.map((pair) => pair.empty),
      );
    } finally {
      await machine.remove();
    }
  },
};

async function once() {
  const seen = await submitUntilOutput({ language: 'python', code: 'print("hello")' });
  const result = await finished(seen.executionId);
  if (result.prestarted !== true) throw new Error('the run was not warm: its interpreter had not been prestarted');
  const claimedAt = auditTime(result, 'sandbox_claimed');
  const boundAt = auditTime(result, 'run_started');
  const startedAt = eventTime(seen.events, 'started');
  const outputAt = eventTime(seen.events, 'stdout');
  return {
    whole: seen.seenAt - seen.submittedAt,
    parts: {
      'POST /execute answered': seen.answeredAt - seen.submittedAt,
      'submit → sandbox claimed': claimedAt - seen.submittedAt,
      'sandbox claimed → bound (ticket, dispatcher)': boundAt - claimedAt,
      'bound → started in the sandbox': startedAt - boundAt,
      'started → first output in the sandbox': outputAt - startedAt,
      'first output → seen by the client': seen.seenAt - outputAt,
    },
  };
}

type Run = Awaited<ReturnType<typeof once>>;

function rowsOf(runs: readonly Run[], empty: readonly number[]): Row[] {
  const baseline = { what: `of the whole stack: a state machine of ${TASKS} empty Lambda tasks, ms`, samples: empty };
  const atMost = quantile(empty, 'p50') + OVERHEAD_MS;
  const names = Object.keys(runs[0]?.parts ?? {}) as (keyof Run['parts'])[];
  return [
    {
      what: 'submit → first output at the client, warm (python)',
      unit: 'ms',
      samples: runs.map((run) => run.whole),
      bars: [{ quantile: 'p50', atMost, because: `empty machine + ${OVERHEAD_MS}` }],
      baseline,
    },
    ...names.map(
      (name): Row => ({ what: `  of it: ${name}`, unit: 'ms', samples: runs.map((run) => run.parts[name]), bars: [] }),
    ),
  ];
}
