import type { Language, ResourceLimits } from '../../functions/contracts/manifest.ts';
import { command, LIMITS, prepareSandboxes, removeSandboxes, startSandbox } from '../sandbox/support.ts';
import { configuration } from '../support/configuration.ts';
import { type Bar, type Measurement, type Row, repeat } from './measurement.ts';

const AT_MOST = 1.1;

/** Each prints the milliseconds of CPU and of wall time that its own loop took: how an interpreter starts is measured elsewhere. */
const PROGRAMS = {
  python: {
    entrypoint: 'main.py',
    bare: ['python3', '-c'],
    code: `
import time
def work():
    n, names = 0, {}
    for i in range(2_500_000):
        n = (n * 31 + i) % 1000003
        names[n % 5000] = i
    return n
cpu, wall = time.process_time(), time.perf_counter()
work()
print((time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000)
`,
  },
  nodejs: {
    entrypoint: 'main.cjs',
    bare: ['node', '-e'],
    code: `
function work() {
  let n = 0;
  const names = new Map();
  for (let i = 0; i < 12_000_000; i += 1) {
    n = (n * 31 + i) % 1000003;
    names.set(n % 5000, i);
  }
  return n;
}
const cpu = process.cpuUsage(), wall = performance.now();
work();
const used = process.cpuUsage(cpu), took = performance.now() - wall;
console.log((used.user + used.system) / 1000, took);
`,
  },
} as const satisfies Partial<Record<Language, { entrypoint: string; bare: readonly [string, string]; code: string }>>;
type Measured = keyof typeof PROGRAMS;

/**
 * A CPU-bound program as a guest, in turn with the same program run by the bare interpreter of the same container (no seccomp filter, no
 * other uid, nobody watching). What counts is CPU time: the shipped share of half a CPU stretches wall time by design, and on a whole core
 * the supervisor and whatever else the machine does take their part of it.
 */
export const cpuBound: Measurement = {
  name: 'cpu',
  rounds: { usual: 3, full: 20 },
  async measure(rounds) {
    await prepareSandboxes();
    const rows: Row[] = [];
    for (const language of ['python', 'nodejs'] as const) {
      const pairs = await repeat(rounds, async () => ({
        shared: await measurePair(language, shippedLimits(language)),
        whole: await measurePair(language, LIMITS),
      }));
      const shared = pairs.map((pair) => pair.shared);
      const whole = pairs.map((pair) => pair.whole);
      const bars: Bar[] = [{ quantile: 'p50', atMost: AT_MOST }];
      const { cpu } = shippedLimits(language);
      rows.push(
        { what: `CPU-bound ${language}, shipped share of ${cpu} CPU: CPU time`, ...comparison(shared, 'cpu'), bars },
        { what: `CPU-bound ${language}, whole core: CPU time`, ...comparison(whole, 'cpu'), bars },
        { what: '  the same, wall time', ...comparison(whole, 'wall'), bars: [] },
      );
    }
    return rows;
  },
};

interface Time {
  readonly cpu: number;
  readonly wall: number;
}
interface Pair {
  readonly bare: Time;
  readonly guest: Time;
}

async function measurePair(language: Measured, limits: ResourceLimits): Promise<Pair> {
  const { code, entrypoint, bare } = PROGRAMS[language];
  const sandbox = await startSandbox({ limits });
  try {
    const unwatched = await command('exec', sandbox.container, ...bare, code);
    const { stdout, exit } = await sandbox.run({ language, entrypoint, code });
    if (exit.exit_code !== 0) throw new Error(`the program ended with ${exit.exit_code} (${exit.reason})`);
    return { bare: timeIn(unwatched), guest: timeIn(stdout) };
  } finally {
    await removeSandboxes();
  }
}

function timeIn(printed: string): Time {
  const [cpu, wall] = printed.trim().split(' ').map(Number);
  if (!cpu || !wall) throw new Error(`expected two numbers, got ${JSON.stringify(printed)}`);
  return { cpu, wall };
}

const comparison = (pairs: readonly Pair[], kind: keyof Time): Pick<Row, 'unit' | 'samples' | 'baseline'> => ({
  unit: '×',
  samples: pairs.map(({ bare, guest }) => guest[kind] / bare[kind]),
  baseline: {
    what: 'of CPU-bound programs: the bare interpreter in the same container, ms',
    samples: pairs.map(({ bare }) => bare[kind]),
  },
});

function shippedLimits(environment: Measured): ResourceLimits {
  const limits = configuration.environments[environment]?.limits;
  if (!limits) throw new Error(`the configuration has no environment ${environment}`);
  return limits;
}
