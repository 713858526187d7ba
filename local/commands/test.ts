import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LocalCloudFailure } from '../failure.ts';
import { binaryDirectory, type Instance, projectDirectory, readInstance, writePrivateFile } from '../instance.ts';
import { withInstanceLock } from '../instance-lock.ts';
import { resetInstance, startInstance, stopInstance } from '../local-cloud.ts';
import { prepareBrowser } from '../prerequisites.ts';
import { bold, heading, red, say, yellow } from '../progress.ts';
import { childEnvironment, run, runVisibly } from '../run.ts';
import { countCheck, readReport, sumCounts, summaryLine, type TestCounts } from '../test-counts.ts';
import { projectsOfVerify, reportTo, runChecks } from '../verification.ts';
import { describeStatus } from './status.ts';

/** Sets up an instance of its own from nothing, runs every test there is, stops the instance, and sums up in one line. */
export async function test(args: readonly string[]): Promise<number> {
  const name = process.env.AIRLOCK_INSTANCE ?? 'test';
  const interruption = interruptible();
  const counts = await withInstanceLock(name, async () => {
    try {
      return await runAllTests(name, args.includes('--soak'), interruption);
    } catch (error) {
      if (interruption.aborted) return [];
      if (!(error instanceof LocalCloudFailure)) throw error;
      say(`\n${red('airlock:')} ${error.message}`);
      return [countCheck(error.message, 1)];
    } finally {
      const instance = readInstance(name);
      if (instance !== undefined) {
        heading('Stopping the test instance');
        await stopInstance(instance);
      }
    }
  });
  if (interruption.aborted) {
    say('\nInterrupted; the test instance was stopped.');
    return 130;
  }
  const total = sumCounts(counts);
  list(`${yellow('unsteady')}: passed only when tried again`, total.unsteady);
  list(red('failed'), total.failures);
  say(`\n${bold(summaryLine(total))}`);
  return total.failed === 0 ? 0 : 1;
}

/** Says again at the end what scrolled by long ago. */
function list(title: string, entries: readonly string[]): void {
  if (entries.length === 0) return;
  heading(title);
  for (const entry of entries) say(`  ${entry}\n`);
}

async function runAllTests(name: string, isSoak: boolean, signal: AbortSignal): Promise<TestCounts[]> {
  heading('Preparing the test instance');
  const earlier = readInstance(name);
  if (earlier !== undefined) await resetInstance(earlier);
  const instance = await startInstance(name, signal);
  await prepareBrowser();
  const checks = await runChecks({ stopAtFirstFailure: false }, signal);
  signal.throwIfAborted();
  return [...checks, ...(await runTestsAgainst(instance, isSoak, signal))];
}

/** Tests of containers and templates of their own, which the instance knows nothing of. */
const PROJECTS_BESIDE = ['sandbox', 'infra'];
/** Stops and starts the instance, so it comes when nobody else needs it. */
const LAST_PROJECTS = ['durability'];

/** All test projects except those that `verify` has run. Most of them wait most of the time, so what can goes on at once. */
async function runTestsAgainst(instance: Instance, isSoak: boolean, signal: AbortSignal): Promise<TestCounts[]> {
  const statusFile = join(instance.directory, 'status.json');
  writePrivateFile(statusFile, JSON.stringify(describeStatus(instance), null, 2));
  const env = childEnvironment({
    AIRLOCK_TEST_STATUS: statusFile,
    AIRLOCK_INSTANCE: instance.name,
    ...(isSoak && { AIRLOCK_SOAK: '1' }),
  });
  const argumentsFor = (projects: readonly string[], report: string) => [
    'run',
    ...projects.map((project) => `--project=${project}`),
    '--passWithNoTests',
    ...reportTo(report),
  ];
  const vitest = join(binaryDirectory, 'vitest');
  const visibly = async (projects: readonly string[]): Promise<TestCounts> => {
    const report = join(instance.directory, 'report.json');
    return readReport(report, await runVisibly(vitest, argumentsFor(projects, report), env, projectDirectory, signal));
  };

  heading(`Tests against the running instance, and beside them: ${PROJECTS_BESIDE.join(', ')}`);
  const logFile = join(instance.directory, 'tests-beside.log');
  rmSync(logFile, { force: true });
  const report = join(instance.directory, 'beside-report.json');
  const [ofInstance, besideExitCode] = await Promise.all([
    // Whatever is not named elsewhere, so that no project is forgotten.
    visibly([...projectsOfVerify, ...PROJECTS_BESIDE, ...LAST_PROJECTS].map((project) => `!${project}`)),
    run(vitest, argumentsFor(PROJECTS_BESIDE, report), { env, cwd: projectDirectory, logFile, signal }).then(
      ({ exitCode }) => exitCode,
    ),
  ]);
  signal.throwIfAborted();
  heading(`Tests beside the instance: ${PROJECTS_BESIDE.join(', ')}`);
  process.stdout.write(readFileSync(logFile));
  heading('Tests that stop and start the instance');
  return [ofInstance, readReport(report, besideExitCode), await visibly(LAST_PROJECTS)];
}

/**
 * The first Ctrl-C ends the tests and stops the instance; whoever presses it again wants out at once. One key press may arrive more
 * than once, because the programs around this one pass it on too.
 */
function interruptible(): AbortSignal {
  const controller = new AbortController();
  let interruptedAt = 0;
  const interrupt = () => {
    if (controller.signal.aborted && performance.now() - interruptedAt > 2000) process.exit(130);
    if (controller.signal.aborted) return;
    interruptedAt = performance.now();
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  return controller.signal;
}
