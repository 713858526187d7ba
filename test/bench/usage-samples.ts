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
    const pairs = await repeat(rounds, precisionOnce);
    rows.push(
      {
        what: 'CPU time reported against what the program itself counts',
        unit: '×',
        samples: pairs.map(({ cpu }) => cpu),
        bars: [],
      },
      {
        what: 'peak memory reported against what the program itself counts',
        unit: '×',
        samples: pairs.map(({ memory }) => memory),
        bars: [],
      },
    );
    return rows;
  },
};

/** Burns two seconds of CPU and holds 100 MB, and says how much it was. */
const COUNTING = `
import resource, time
block = bytearray(100 * 1024 * 1024)
for i in range(0, len(block), 4096): block[i] = 1
while time.process_time() < 2: pass
time.sleep(0.2)
print(time.process_time() * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
`;

async function precisionOnce(): Promise<{ cpu: number; memory: number }> {
  await poolIsFull();
  const { execution_id: id } = await submitTrusted({ language: 'python', code: COUNTING });
  const result = await finished(id);
  const [cpu, memory] = result.output.trim().split(' ').map(Number);
  if (!result.resource_usage || !cpu || !memory) throw new Error(`${id} said ${JSON.stringify(result.output)}`);
  return { cpu: result.resource_usage.cpu_ms / cpu, memory: result.resource_usage.memory_bytes / memory };
}

async function intervalsOf(code: string): Promise<number[]> {
  await poolIsFull();
  const { execution_id: executionId } = await submitTrusted({ language: 'python', code });
  await finished(executionId);
  const times = (await allEvents(executionId)).filter((event) => event.type === 'usage').map((event) => Date.parse(event.at));
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}
