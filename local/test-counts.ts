import { readFileSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, ready to be shown: the name, and below it the beginning of why. */
  readonly failures: readonly string[];
  /** What passed only when it was tried again, in the same form. */
  readonly unsteady: readonly string[];
}

/** The part of vitest's JSON report that is counted. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests?: number;
  readonly testResults?: readonly VitestFile[];
}

interface VitestFile {
  readonly name: string;
  readonly status: string;
  readonly message?: string;
  readonly assertionResults: readonly {
    readonly fullName: string;
    readonly status: string;
    readonly failureMessages: readonly string[];
  }[];
}

const LINES_OF_A_FAILURE = 12;

/** Counts a report and removes it, so that it cannot be taken for that of a later run. A run without a report is a failure. */
export function readReport(file: string, exitCode: number): TestCounts {
  try {
    return countReport(JSON.parse(readFileSync(file, 'utf8')) as VitestReport, exitCode);
  } catch {
    return countCheck('A test run wrote no report', exitCode);
  } finally {
    rmSync(file, { force: true });
  }
}

/** A check that is no test run counts when it fails, as one failure. */
export const countCheck = (title: string, exitCode: number): TestCounts =>
  exitCode === 0
    ? { passed: 0, failed: 0, skipped: 0, failures: [], unsteady: [] }
    : { passed: 0, failed: 1, skipped: 0, failures: [`${title} (exit code ${exitCode})`], unsteady: [] };

/** A file that could not even be loaded holds no tests, and a run may fail without a failing test: neither may look green. */
export function countReport(report: VitestReport, exitCode: number): TestCounts {
  const files = report.testResults ?? [];
  const brokenFiles = files.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0);
  const failed = report.numFailedTests + brokenFiles.length;
  const counted = {
    passed: report.numPassedTests,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
    unsteady: describeTests(files, 'passed'),
  };
  const failures = [
    ...brokenFiles.map(({ name, message }) => describe(name, '', message ?? '')),
    ...describeTests(files, 'failed'),
  ];
  if (failed > 0 || exitCode === 0) return { ...counted, failed, failures };
  const broken = files.filter(({ status }) => status === 'failed').map(({ name, message }) => describe(name, '', message ?? ''));
  return {
    ...counted,
    failed: 1,
    failures: broken.length > 0 ? broken : [`An error outside of every test: see above (exit code ${exitCode})`],
  };
}

function describeTests(files: readonly VitestFile[], wantedStatus: string): string[] {
  return files.flatMap(({ name: file, assertionResults }) =>
    assertionResults
      .filter(({ status, failureMessages }) => status === wantedStatus && failureMessages.length > 0)
      .map(({ fullName, failureMessages }) => describe(file, fullName, failureMessages.join('\n'))),
  );
}

function describe(file: string, testName: string, message: string): string {
  const lines = stripVTControlCharacters(message).split('\n').slice(0, LINES_OF_A_FAILURE);
  return [[relative(process.cwd(), file), testName].filter((part) => part !== '').join(' > '), ...lines].join('\n    ');
}

export const sumCounts = (counts: readonly TestCounts[]): TestCounts =>
  counts.reduce(
    (sum, count) => ({
      passed: sum.passed + count.passed,
      failed: sum.failed + count.failed,
      skipped: sum.skipped + count.skipped,
      failures: [...sum.failures, ...count.failures],
      unsteady: [...sum.unsteady, ...count.unsteady],
    }),
    countCheck('', 0),
  );

export const summaryLine = ({ passed, failed, skipped }: TestCounts): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;
