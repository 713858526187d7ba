import { join } from 'node:path';
import { binaryDirectory, projectDirectory, sharedDirectory } from './instance.ts';
import { bold, green, heading, red, say } from './progress.ts';
import { childEnvironment, runVisibly } from './run.ts';
import { countCheck, readReport, type TestCounts } from './test-counts.ts';

interface Check {
  readonly title: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Where the check writes a vitest report; its tests are then counted one by one. */
  readonly reportFile?: string;
}

/** The test projects that need nothing but the sources. */
export const projectsOfVerify = ['unit', 'architecture'];

const unitReport = join(sharedDirectory, 'unit-report.json');

/** All that can be checked without anything running, in the order in which a mistake shows soonest. */
const checks: readonly Check[] = [
  { title: 'Format and lint', command: ['biome', 'check', '.'] },
  { title: 'Types', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  { title: 'Dead code and dependencies', command: ['knip'] },
  {
    title: 'Unit and architecture tests',
    command: ['vitest', 'run', ...projectsOfVerify.map((project) => `--project=${project}`), ...reportTo(unitReport)],
    reportFile: unitReport,
  },
  {
    title: 'Synthesis of the AWS stage',
    command: ['cdk', 'synth', '--quiet', '--no-notices', '--output', join(sharedDirectory, 'synth')],
    env: { AIRLOCK_STAGE: 'production', CDK_DISABLE_CLI_TELEMETRY: 'true' },
  },
];

/** Runs the checks in order. */
export async function runChecks(
  { stopAtFirstFailure }: { stopAtFirstFailure: boolean },
  signal?: AbortSignal,
): Promise<TestCounts[]> {
  const counts: TestCounts[] = [];
  for (const check of checks) {
    signal?.throwIfAborted();
    heading(check.title);
    const [program, ...args] = check.command;
    const exitCode = await runVisibly(
      join(binaryDirectory, program),
      args,
      childEnvironment(check.env),
      projectDirectory,
      signal,
    );
    say(exitCode === 0 ? `${green('✓')} ${check.title}` : `${red('✗')} ${bold(check.title)} failed (exit code ${exitCode})`);
    counts.push(check.reportFile ? readReport(check.reportFile, exitCode) : countCheck(check.title, exitCode));
    if (exitCode !== 0 && stopAtFirstFailure) break;
  }
  return counts;
}

/** Tells vitest to write down what it counted, besides showing it. */
export function reportTo(file: string): string[] {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
}
