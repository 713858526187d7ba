import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '../../functions/contracts/manifest.ts';
import { LIMITS, prepareSandboxes, readHealth, removeSandboxes, startSandbox } from '../sandbox/support.ts';
import { type Bar, type Measurement, type Row, repeat } from './measurement.ts';

const p95: Bar = { quantile: 'p95', atMost: 40 };
const within = (atMost: number): Bar[] => [{ quantile: 'p50', atMost }, p95];

const PROGRAMS: readonly { program: Partial<Manifest>; bars: readonly Bar[] }[] = [
  { program: { language: 'python', entrypoint: 'main.py', code: 'print(1)' }, bars: within(5) },
  { program: { language: 'bash', entrypoint: 'main.sh', code: 'echo 1' }, bars: within(5) },
  { program: { language: 'sql', entrypoint: 'main.sql', code: 'SELECT 1' }, bars: within(5) },
  { program: { language: 'nodejs', entrypoint: 'main.mjs', code: 'console.log(1)' }, bars: within(15) },
];

/**
 * Job sent to an idle supervisor → first byte of output received, in a fresh container each time, languages in turn. From outside:
 * HTTP both ways and the container's network are part of it.
 */
export const inTheSupervisor: Measurement = {
  name: 'supervisor',
  rounds: { usual: 5, full: 30 },
  async measure(rounds) {
    await prepareSandboxes();
    const times = await repeat(rounds, () => repeat(PROGRAMS.length, (index) => measureOnce(PROGRAMS[index]?.program ?? {})));
    return PROGRAMS.map(
      ({ program, bars }, index): Row => ({
        what: `job at an idle supervisor → first output, ${program.language}`,
        unit: 'ms',
        samples: times.flatMap((round) => round[index]?.firstOutput ?? []),
        bars,
        baseline: {
          what: "of the supervisor: the same connection's round trip for GET /healthz, ms",
          samples: times.flatMap((round) => round[index]?.roundTrip ?? []),
        },
      }),
    );
  },
};

const SETTLE_MS = 700;

async function measureOnce(program: Partial<Manifest>): Promise<{ firstOutput: number; roundTrip: number }> {
  const sandbox = await startSandbox({ limits: LIMITS });
  try {
    const bytes = Buffer.from(JSON.stringify(sandbox.manifest(program)));
    const ticket = await sandbox.sign(bytes);
    // Sandboxes of a pool have been idle for a while: what starting this one left to do is no part of the figure.
    await sleep(SETTLE_MS);
    // Opens the connection, so that what is measured is not TCP.
    await readHealth(sandbox.url);
    const askedAt = performance.now();
    await readHealth(sandbox.url);
    const roundTrip = performance.now() - askedAt;
    const sentAt = performance.now();
    const response = await sandbox.post(ticket, bytes);
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      if (text.includes('"type":"stdout"')) return { firstOutput: performance.now() - sentAt, roundTrip };
    }
    throw new Error(`there was no output: ${text}`);
  } finally {
    await removeSandboxes();
  }
}
