import type { Language } from '../../functions/contracts/manifest.ts';
import { allEvents, as, finished } from '../support/airlock.ts';
import { type Measurement, type Row, repeat } from './measurement.ts';
import { now, poolIsFull, submitTrusted, submitUntilOutput } from './stack.ts';

const HELLO = {
  python: 'print("hello")',
  bash: 'echo hello',
  nodejs: 'console.log("hello")',
  sql: "SELECT 'hello' AS word",
} as const satisfies Record<Language, string>;

/** Each prints a word and then goes on for longer than anybody waits. */
const ENDLESS = {
  python: 'import time\nprint("up", flush=True)\nwhile True: time.sleep(1)',
  bash: 'echo up; while true; do sleep 1; done',
  nodejs: 'console.log("up"); setInterval(() => {}, 1000)',
  sql: "SELECT 'up';\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
} as const satisfies Record<Language, string>;

/** First output and the end of a cancelled run through the whole stack, in every language. */
export const languages: Measurement = {
  name: 'languages',
  rounds: { usual: 5, full: 30 },
  async measure(rounds) {
    const rows: Row[] = [];
    for (const language of ['python', 'bash', 'nodejs', 'sql'] as const) {
      rows.push({
        what: `time to first output, warm: submit → output at the client, ${language}`,
        unit: 'ms',
        samples: await repeat(rounds, () => firstOutput(language)),
        bars: [],
      });
      rows.push({
        what: `cancel → process tree gone, ${language}`,
        unit: 'ms',
        samples: await repeat(rounds, () => cancelled(language)),
        bars: [{ quantile: 'p95', atMost: 500 }],
      });
    }
    return rows;
  },
};

async function firstOutput(language: Language): Promise<number> {
  await poolIsFull();
  const seen = await submitUntilOutput({ language, code: HELLO[language] });
  await finished(seen.executionId);
  return seen.seenAt - seen.submittedAt;
}

async function cancelled(language: Language): Promise<number> {
  await poolIsFull();
  const developer = await as('developer');
  const { execution_id: id } = await submitTrusted({ language, code: ENDLESS[language], timeout_seconds: 60 });
  for (let after = 0, up = false; !up; ) {
    const { body } = await developer.call<{ events: { type: string }[]; last_seq: number }>(
      'GET',
      `/api/v1/executions/${id}/events?after=${after}&wait=5`,
    );
    after = body.last_seq;
    up = body.events.some((event) => event.type === 'stdout' || event.type === 'usage');
  }
  await poolIsFull();
  const cancelledAt = now();
  await developer.call('POST', `/api/v1/executions/${id}/cancel`, { reason: 'bench' });
  await finished(id);
  const exit = (await allEvents(id)).find((event) => event.type === 'exit');
  if (exit?.reason !== 'cancelled') throw new Error(`${id} ended as ${exit?.reason ?? 'nothing'}, not as cancelled`);
  return Date.parse(exit.at) - cancelledAt;
}
