import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { identify, isRunning, isSameProcess, processesWith, startTicksOf } from './process-identity.ts';

it('this process is recognised, and one with its number and another start is not', () => {
  const self = identify(process.pid);
  if (self === undefined) throw new Error('This process should be visible in /proc.');
  expect(isRunning(self)).toBe(true);
  expect(isSameProcess({ ...self, startTicks: self.startTicks - 1 }, self)).toBe(false);
  expect(isSameProcess({ ...self, bootId: 'an earlier boot' }, self)).toBe(false);
});

it('a process that has ended is not running', async () => {
  const child = spawn('sleep', ['60']);
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('The child should be visible in /proc.');
  expect(isRunning(identity)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isRunning(identity)).toBe(false);
});

it('the start is read also when the name of the command holds brackets and spaces', () => {
  const fields = Array.from({ length: 18 }, (_, index) => index).join(' ');
  expect(startTicksOf(`123 (a) b (c) S ${fields} 4711 0 0`)).toBe(4711);
});

it('a zombie counts as ended', () => {
  expect(startTicksOf(`123 (x) Z ${'0 '.repeat(18)}4711 0`)).toBeUndefined();
});

it('only processes started with the mark are found, and not this one', async () => {
  const mark = `mark-${process.pid}`;
  const child = spawn('sleep', ['60'], { env: { ...process.env, AIRLOCK_TEST_MARK: mark } });
  await once(child, 'spawn');
  expect(processesWith('AIRLOCK_TEST_MARK', mark)).toEqual([child.pid]);
  expect(processesWith('AIRLOCK_TEST_MARK', 'another')).toEqual([]);
  child.kill('SIGKILL');
});
