import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ValkeyServer, valkeyServer } from '../../../test/support/valkey-server.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import { valkeyLiveLog } from './live-log.ts';

let server: ValkeyServer;
beforeAll(async () => {
  server = await valkeyServer();
});
afterAll(() => server.stop());

const event = (seq: number): RunEvent => ({ seq, at: '2026-11-23T10:00:00.000Z', type: 'stdout', text: 'a' });

async function took<T>(work: () => Promise<T>): Promise<{ answer: T; milliseconds: number }> {
  const startedAt = performance.now();
  const answer = await work();
  return { answer, milliseconds: performance.now() - startedAt };
}

it.each(['that was connected', 'that was never reached'])(
  'a log %s and answers nothing holds a relay up once, and then nobody for a while',
  async (which) => {
    const log = valkeyLiveLog(server.url);
    const execution = `exec_${which}`;
    if (which === 'that was connected') expect(await log.append(execution, [event(1)])).toBe(true);
    server.freeze();
    try {
      const first = await took(() => log.append(execution, [event(2)]));
      expect(first.answer).toBe(false);
      expect(first.milliseconds).toBeLessThan(4000);

      const more = await took(async () => {
        const answers: unknown[] = [];
        for (let seq = 3; seq < 20; seq += 1)
          answers.push(await log.append(execution, [event(seq)]), await log.read(execution, 0, 10));
        return new Set(answers);
      });
      expect(more.answer).toEqual(new Set([false, null]));
      expect(more.milliseconds).toBeLessThan(500);

      const waited = await took(() => log.waitBeyond(execution, 0, 300));
      expect(waited.milliseconds).toBeGreaterThan(250);
      expect(waited.milliseconds).toBeLessThan(1500);
    } finally {
      server.thaw();
    }
  },
);

it('a connection that was closed while nobody used it is opened again, and all goes on', async () => {
  const log = valkeyLiveLog(server.url);
  expect(await log.append('exec_slept', [event(1)])).toBe(true);
  await server.stop();
  await server.start();
  expect(await log.append('exec_slept', [event(2), event(3), event(4)])).toBe(true);
  expect(await log.read('exec_slept', 0, 10)).toEqual([event(2), event(3), event(4)]);
});

it('a log that answers again is used again', async () => {
  const log = valkeyLiveLog(server.url);
  await server.stop();
  expect(await log.append('exec_again', [event(1)])).toBe(false);
  await server.start();
  expect(await log.read('exec_again', 0, 10), 'for a moment nobody asks').toBeNull();
  await new Promise((resolve) => setTimeout(resolve, 5100));
  expect(await log.append('exec_again', [event(2)])).toBe(true);
  expect(await log.read('exec_again', 0, 10)).toEqual([event(2)]);
});
