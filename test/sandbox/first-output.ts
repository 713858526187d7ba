import type { Manifest } from '../../functions/contracts/manifest.ts';
import { LIMITS, prepareSandboxes, readHealth, removeSandboxes, startSandbox } from './support.ts';

/**
 * Measures job sent to an idle sandbox → first output received, each time in a fresh container, from outside: connection already
 * open, HTTP on both ways and the container's network included. Print with `node test/sandbox/first-output.ts [rounds]`.
 */

export interface Latency {
  readonly language: string;
  readonly rounds: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
}

const PROGRAMS: Record<string, Partial<Manifest>> = {
  python: { language: 'python', entrypoint: 'main.py', code: 'print(1)' },
  'python with pandas': { language: 'python', entrypoint: 'main.py', code: 'import pandas\nprint(1)' },
  'nodejs .mjs': { language: 'nodejs', entrypoint: 'main.mjs', code: 'console.log(1)' },
  'nodejs .ts': { language: 'nodejs', entrypoint: 'main.ts', code: 'const n: number = 1; console.log(n)' },
  bash: { language: 'bash', entrypoint: 'main.sh', code: 'echo 1' },
  sql: { language: 'sql', entrypoint: 'main.sql', code: 'SELECT 1' },
  'python, cold': { language: 'python', entrypoint: 'other.py', code: 'print(1)' },
};

export async function measureFirstOutput(rounds: number): Promise<Latency[]> {
  await prepareSandboxes();
  const latencies: Latency[] = [];
  for (const [language, program] of Object.entries(PROGRAMS)) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      times.push(await measureOnce(program));
      await removeSandboxes();
    }
    times.sort((a, b) => a - b);
    latencies.push({ language, rounds, p50_ms: quantile(times, 0.5), p95_ms: quantile(times, 0.95) });
  }
  return latencies;
}

async function measureOnce(program: Partial<Manifest>): Promise<number> {
  const sandbox = await startSandbox({ limits: LIMITS });
  const bytes = Buffer.from(JSON.stringify(sandbox.manifest(program)));
  const ticket = await sandbox.sign(bytes);
  await readHealth(sandbox.url);
  const sent = performance.now();
  const response = await sandbox.post(ticket, bytes);
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    if (text.includes('"type":"stdout"')) return performance.now() - sent;
  }
  throw new Error(`There was no output: ${text}`);
}

function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return Math.round(value * 10) / 10;
}

if (import.meta.main) {
  try {
    for (const latency of await measureFirstOutput(Number(process.argv[2] ?? 20))) console.log(JSON.stringify(latency));
  } finally {
    await removeSandboxes();
  }
}
