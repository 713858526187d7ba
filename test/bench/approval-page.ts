import type { Page } from 'playwright-core';
import { userOf } from '../support/airlock.ts';
import { signInOnPage, startBrowser, visit } from '../support/browser.ts';
import { type Measurement, repeat } from './measurement.ts';
import { withWaiting } from './waiting-requests.ts';

interface Load {
  readonly milliseconds: number;
  readonly bytes: number;
}

/** The page of a request in Chromium, at the size of a phone: from the address to its load event, with nothing cached. */
export const approvalPage: Measurement = {
  name: 'page',
  rounds: { usual: 20, full: 100 },
  measure: (rounds) =>
    withWaiting(async ({ approval_id }) => {
      const browser = await startBrowser();
      try {
        const { page, context } = await visit(browser, { size: 'phone', script: true });
        await page.goto(`/approvals/${approval_id}`);
        await signInOnPage(page, userOf('approver'));
        await page.waitForURL(`**/approvals/${approval_id}`);
        const session = await context.newCDPSession(page);
        await session.send('Network.setCacheDisabled', { cacheDisabled: true });
        const once = () => loaded(page, `/approvals/${approval_id}`);
        await once();
        const samples = await repeat(rounds, once);
        return [
          {
            what: "a request's page in Chromium, to its load event",
            unit: 'ms',
            samples: samples.map((load) => load.milliseconds),
            bars: [],
          },
          { what: '  all that came for it', unit: 'KB', samples: samples.map((load) => load.bytes / 1000), bars: [] },
        ];
      } finally {
        await browser.close();
      }
    }),
};

async function loaded(page: Page, path: string): Promise<Load> {
  await page.goto(path, { waitUntil: 'load' });
  return await page.evaluate<Load>(
    `new Promise((resolve) => setTimeout(() => {
      const [navigation] = performance.getEntriesByType('navigation');
      const all = [navigation, ...performance.getEntriesByType('resource')];
      resolve({ milliseconds: navigation.loadEventEnd, bytes: all.reduce((sum, one) => sum + one.transferSize, 0) });
    }))`,
  );
}
