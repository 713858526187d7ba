import { join } from 'node:path';
import { LocalCloudFailure } from '../failure.ts';
import { binaryDirectory, type Instance, projectDirectory, readInstance, writePrivateFile } from '../instance.ts';
import { withInstanceLock } from '../instance-lock.ts';
import { resetInstance, startInstance, stopInstance } from '../local-cloud.ts';
import { bold, heading, red, say } from '../progress.ts';
import { childEnvironment, runVisibly } from '../run.ts';
import { readReport, sumCounts, summaryLine, type TestCounts } from '../test-counts.ts';
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
      return [{ passed: 0, failed: 1, skipped: 0 }];
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
  say(`\n${bold(summaryLine(total))}`);
  return total.failed === 0 ? 0 : 1;
}

async function runAllTests(name: string, isSoak: boolean, signal: AbortSignal): Promise<TestCounts[]> {
  heading('Preparing the test instance');
  const earlier = readInstance(name);
  if (earlier !== undefined) await resetInstance(earlier);
  const instance = await startInstance(name, signal);
  const checks = await runChecks({ stopAtFirstFailure: false }, signal);
  signal.throwIfAborted();
  return [...checks, await runTestsAgainst(instance, isSoak, signal)];
}

/** All test projects except those that `verify` has run. */
async function runTestsAgainst(instance: Instance, isSoak: boolean, signal: AbortSignal): Promise<TestCounts> {
  heading('Tests against the running instance');
  const statusFile = join(instance.directory, 'status.json');
  writePrivateFile(statusFile, JSON.stringify(describeStatus(instance), null, 2));
  const report = join(instance.directory, 'test-report.json');
  const exitCode = await runVisibly(
    join(binaryDirectory, 'vitest'),
    ['run', ...projectsOfVerify.map((project) => `--project=!${project}`), '--passWithNoTests', ...reportTo(report)],
    childEnvironment({ AIRLOCK_TEST_STATUS: statusFile, AIRLOCK_INSTANCE: instance.name, ...(isSoak && { AIRLOCK_SOAK: '1' }) }),
    projectDirectory,
    signal,
  );
  return readReport(report, exitCode);
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
