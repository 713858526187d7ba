import { expect, it } from 'vitest';
import { NOW } from '../../../test/support/entities.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import { outcomeOf } from './outcome.ts';

const at = NOW.toISOString();
const usage = { cpu_ms: 1, memory_bytes: 1, disk_bytes: 0, processes: 1 };

it('an outcome fits a row of 400 KB, whatever a program calls its files', () => {
  const name = '\u4e16'.repeat(990);
  const files = Array.from(
    { length: 1000 },
    (_, index): RunEvent => ({
      seq: index + 1,
      at,
      type: 'file',
      file_id: `${index}`,
      name: `${name}${index}`,
      size_bytes: 1,
      sha256: 'a'.repeat(64),
    }),
  );
  const exit: RunEvent = {
    ...{ seq: 1002, at, type: 'exit', reason: 'exited', exit_code: 0, signal: null, duration_ms: 5, usage },
    ...{ stdout: { bytes: 0, truncated: false }, stderr: { bytes: 0, truncated: false } },
    files_skipped: Array.from({ length: 200 }, () => ({ name, reason: 'symbolic link' })),
  };
  const output: RunEvent = { seq: 1001, at, type: 'stdout', text: 'o'.repeat(40_000) };
  const outcome = outcomeOf([...files, output, exit], 'python', null);
  expect(Buffer.byteLength(JSON.stringify(outcome))).toBeLessThan(350 * 1024);
  expect(outcome.files.length).toBeGreaterThan(10);
  expect(outcome.files_skipped.at(-2)).toMatchObject({ name: `${1000 - outcome.files.length} more` });
});

it('files that never left their sandbox are not said to be there', () => {
  const file: RunEvent = { seq: 1, at, type: 'file', file_id: '1', name: 'a.txt', size_bytes: 1, sha256: 'a'.repeat(64) };
  const lost = outcomeOf([file], 'python', { code: 'sandbox_lost', message: 'gone' });
  expect(lost).toMatchObject({ files: [], files_skipped: [{ name: 'a.txt', reason: 'not collected' }] });
  expect(outcomeOf([file], 'python', null).files).toMatchObject([{ name: 'a.txt' }]);
});
