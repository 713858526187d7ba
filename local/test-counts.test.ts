import { expect, it } from 'vitest';
import { countReport, readReport, sumCounts, summaryLine } from './test-counts.ts';

const report = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1 };

it('the summary line counts all reports together', () => {
  const total = sumCounts([countReport(report, 0), { passed: 0, failed: 1, skipped: 0 }]);
  expect(summaryLine(total)).toBe('3 passed, 1 failed, 2 skipped');
});

it('a test file that could not be loaded is a failure', () => {
  const testResults = [{ status: 'failed', assertionResults: [] }];
  expect(countReport({ ...report, testResults }, 1)).toMatchObject({ passed: 3, failed: 1 });
});

it('a run that failed without a failing test is a failure', () => {
  expect(countReport(report, 1).failed).toBe(1);
});

it('a run that wrote no report and failed is a failure', () => {
  expect(readReport('/nonexistent/report.json', 1).failed).toBe(1);
});
