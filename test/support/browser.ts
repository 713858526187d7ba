/** A real browser: Debian's Chromium, without a window, as somebody with a phone or at a desk has it. */
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { status } from './airlock.ts';

export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.AIRLOCK_CHROMIUM ?? '/usr/bin/chromium',
    // Its own sandbox refuses to start as root.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });

const SIZES = { phone: { width: 360, height: 740 }, desk: { width: 1280, height: 900 } } as const;

export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What went wrong in the page itself: errors of its script, and what its own rules kept it from. */
  readonly complaints: string[];
}

export async function visit(
  browser: Browser,
  { size, script, dark = false }: { size: keyof typeof SIZES; script: boolean; dark?: boolean },
): Promise<Visitor> {
  const context = await browser.newContext({
    baseURL: status.url,
    viewport: SIZES[size],
    javaScriptEnabled: script,
    colorScheme: dark ? 'dark' : 'light',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return { page, context, complaints };
}

export async function signInOnPage(page: Page, user: { email: string; password: string }): Promise<void> {
  await page.getByLabel('E-mail').fill(user.email);
  await page.getByLabel('Password').fill(user.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe finds on a page as it stands, with the rules of WCAG 2.2 A and AA and its own best practice. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const violations: Violation[] = await page.evaluate(
    'axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations)',
  );
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 200)).join(' | ')}`);
}

/** Whether something is wider than the window, so that one would have to scroll sideways. */
export const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');
