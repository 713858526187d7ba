/** A program that counts aloud, ten a second, and leaves a line in a file at each start: whatever is done to it, the whole is known. */
import { expect } from 'vitest';
import { allEvents, approve, finished, inPhase, submit, textOf } from './airlock.ts';

const program = (seconds: number) => `import os, time
open("output/starts", "a").write("started\\n")
print("started", os.getpid(), flush=True)
for n in range(${seconds * 10}):
    print(n, flush=True)
    time.sleep(0.1)`;

export const submitCounting = (seconds: number) => submit({ language: 'python', code: program(seconds), timeout_seconds: 120 });

/** Submitted, approved, and under way. */
export async function countingRun(seconds: number): Promise<string> {
  const submitted = await submitCounting(seconds);
  await approve(submitted);
  await inPhase(submitted.execution_id, 'running');
  return submitted.execution_id;
}

/** It completed; every event came once and in order; the program started once and nothing of its output is missing. */
export async function expectWholeRun(executionId: string, seconds: number): Promise<void> {
  const result = await finished(executionId);
  expect(result).toMatchObject({ status: 'completed', error: null });
  const events = await allEvents(executionId);
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter((event) => event.type === 'started')).toHaveLength(1);
  expect(events.flatMap((event) => (event.type === 'file' ? [[event.name, event.size_bytes]] : []))).toEqual([['starts', 8]]);
  expect(textOf(events, 'stdout').replace(/^started \d+\n/, '')).toBe(
    Array.from({ length: seconds * 10 }, (_, n) => `${n}\n`).join(''),
  );
}
