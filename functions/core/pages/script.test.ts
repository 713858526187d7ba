import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SCRIPT } from './script.ts';

/** A page of a request that stays open, with a clock that is put forward by hand. */
function pageLeftOpen(statusOf: (path: string, asked: number) => number) {
  const timers: { run: () => void; everyMs: number }[] = [];
  const asked: string[] = [];
  const elements: Record<string, object> = {
    'input[name=csrf_token]': { value: 'c' },
    '[data-approval]': { dataset: { approval: 'apr_1', mark: 'open 0 0 1' } },
  };
  runInNewContext(SCRIPT.html, {
    document: {
      hidden: false,
      querySelector: (selector: string) => elements[selector] ?? null,
      querySelectorAll: () => [],
      addEventListener: () => {},
    },
    addEventListener: () => {},
    setInterval: (run: () => void, everyMs: number) => timers.push({ run, everyMs }),
    clearInterval: () => {},
    fetch: async (path: string) => {
      asked.push(path);
      const status = statusOf(path, asked.length);
      return {
        status,
        ok: status === 200,
        json: async () => ({ status: 'open', decisions: [], comments: [], versions: [1] }),
      };
    },
  });
  return {
    asked,
    minutesPass: async (minutes: number) => {
      for (let seconds = 1; seconds <= minutes * 60; seconds += 1)
        for (const { run, everyMs } of timers)
          if (seconds % (everyMs / 1000) === 0) {
            run();
            await new Promise((resolve) => setImmediate(resolve));
          }
    },
  };
}

describe('a page that is left open', () => {
  it('looks for news three times a minute, and keeps its session', async () => {
    const { asked, minutesPass } = pageLeftOpen(() => 200);
    await minutesPass(10);
    expect(asked.filter((path) => path === '/api/v1/approvals/apr_1')).toHaveLength(30);
    expect(asked.filter((path) => path === '/api/v1/auth/session/renew')).toHaveLength(2);
  });

  it('asks no more once its session is over: that would look like somebody who tries to get in', async () => {
    const { asked, minutesPass } = pageLeftOpen(() => 401);
    await minutesPass(60);
    expect(asked).toEqual(['/api/v1/approvals/apr_1', '/api/v1/auth/session/renew']);
  });

  it('goes on after a sleep in which its session was only to be renewed', async () => {
    const { asked, minutesPass } = pageLeftOpen((_, number) => (number === 1 ? 401 : 200));
    await minutesPass(1);
    expect(asked).toEqual([
      '/api/v1/approvals/apr_1',
      '/api/v1/auth/session/renew',
      '/api/v1/approvals/apr_1',
      '/api/v1/approvals/apr_1',
    ]);
  });
});
