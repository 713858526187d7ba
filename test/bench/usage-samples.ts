import { USAGE_INTERVAL_MS } from '../../functions/contracts/sandbox-protocol.ts';
import { allEvents, finished } from '../support/airlock.ts';
import { type Measurement, type Row, repeat } from './measurement.ts';
import { poolIsFull, submitTrusted } from './stack.ts';

const SECONDS = 3;
/** "Every 50 ms" of timers that cannot be early and of times in whole milliseconds. */
const TOLERANCE = 1.1;

const PROGRAMS = {
  'a program that waits': `import time\ntime.sleep(${SECONDS})`,
  'a busy program': `import time\nend = time.time() + ${SECONDS}\nwhile time.time() < end:\n    pass`,
};

/** Time between two usage samples of a run, as they stand in its log. */
export const usageSamples: Measurement = {
  name: 'usage',
  rounds: { usual: 1, full: 5 },
  async measure(rounds) {
    const rows: Row[] = [];
    for (const [name, code] of Object.entries(PROGRAMS)) {
      rows.push({
        what: `interval of usage samples, ${name}`,
        unit: 'ms',
        samples: (await repeat(rounds, () => intervalsOf(code))).flat(),
        bars: [{ quantile: 'p50', atMost: USAGE_INTERVAL_MS * TOLERANCE }],
      });
    }
    return rows;
  },
};

async function intervalsOf(code: string): Promise<number[]> {
  await poolIsFull();
  const { execution_id: executionId } = await submitTrusted({ language: 'python', code });
  await finished(executionId);
  const times = (await allEvents(executionId)).filter((event) => event.type === 'usage').map((event) => Date.parse(event.at));
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}
