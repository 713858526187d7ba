import { join } from 'node:path';
import { expect, it } from 'vitest';
import { countCheck, countReport, readReport, sumCounts, summaryLine } from './test-counts.ts';

const report = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1 };
const file = join(process.cwd(), 'test', 'some.test.ts');

it('the summary line counts all reports together', () => {
  const total = sumCounts([countReport(report, 0), countCheck('Types', 2)]);
  expect(summaryLine(total)).toBe('3 passed, 1 failed, 2 skipped');
  expect(total.failures).toEqual(['Types (exit code 2)']);
});

it('a test that failed is named again at the end, with the beginning of why', () => {
  const assertionResults = [
    {
      fullName: 'a run ends',
      status: 'failed',
      failureMessages: ['\u001b[31mAssertionError\u001b[39m: expected 1 to be 2\n at here'],
    },
    { fullName: 'a run begins', status: 'passed', failureMessages: [] },
  ];
  const counts = countReport(
    { ...report, numFailedTests: 1, testResults: [{ name: file, status: 'failed', assertionResults }] },
    1,
  );
  expect(counts.failures).toEqual(['test/some.test.ts > a run ends\n    AssertionError: expected 1 to be 2\n     at here']);
  expect(counts.unsteady).toEqual([]);
});

it('a test that passed only at its second try is said to be unsteady', () => {
  const assertionResults = [{ fullName: 'a run ends', status: 'passed', failureMessages: ['Error: too late'] }];
  const counts = countReport({ ...report, testResults: [{ name: file, status: 'passed', assertionResults }] }, 0);
  expect(counts).toMatchObject({ failed: 0, failures: [], unsteady: ['test/some.test.ts > a run ends\n    Error: too late'] });
});

it('a test file that could not be loaded is a failure', () => {
  const testResults = [{ name: file, status: 'failed', message: 'no such module', assertionResults: [] }];
  expect(countReport({ ...report, testResults }, 1)).toMatchObject({
    passed: 3,
    failed: 1,
    failures: ['test/some.test.ts\n    no such module'],
  });
});

it('a run that failed without a failing test is a failure', () => {
  expect(countReport(report, 1)).toMatchObject({ failed: 1, failures: [expect.stringContaining('outside of every test')] });
});

it('a run that wrote no report and failed is a failure', () => {
  expect(readReport('/nonexistent/report.json', 1).failed).toBe(1);
});
