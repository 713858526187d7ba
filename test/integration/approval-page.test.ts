/** The pages on which people decide, in a real browser, with and without a script, at the size of a phone and of a desk. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalOf, as, finished, get, status, userOf } from '../support/airlock.ts';
import { accessibilityFaults, isTooWide, signInOnPage, startBrowser, visit } from '../support/browser.ts';
import { linkIn, mailTo } from '../support/inbox.ts';
import { newUser, somebody } from '../support/people.ts';
import { rewriteRule, waiting } from '../support/waiting.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
});

describe('an approver with a phone and no script', () => {
  it('comes from a link, signs in, reads, decides, and sees the decision', async () => {
    const submitted = await waiting({
      code: 'print("<b>bold</b> & \\u202e")\nprint("mixed: p\u0430ypal")',
      justification: 'to see "it" <run>',
    });
    const { page } = await visit(browser, { size: 'phone', script: false });
    await page.goto(`/approvals/${submitted.approval_id}`);
    expect(page.url()).toContain('/sign-in?return_to=');
    await signInOnPage(page, { ...userOf('approver'), password: 'Al1-not-this-one' });
    await expectText(page, 'These credentials are not valid.');
    await signInOnPage(page, userOf('approver'));
    await page.waitForURL(`**/approvals/${submitted.approval_id}`);

    await expectText(page, 'to see "it" <run>');
    await expectText(page, 'print("<b>bold</b> & \\u202e")');
    // A letter of another alphabet among Latin ones does not pass for one of them.
    await expectText(page, 'p⟦U+0430⟧ypal');
    expect(await page.locator('pre mark').first().textContent()).toBe('⟦U+0430⟧');
    expect(await isTooWide(page)).toBe(false);

    await page.getByRole('radio', { name: /^Approve: exactly this/ }).check();
    await page.getByLabel(/^Why/).fill('read it\nall of it');
    await page.getByRole('button', { name: 'Send the decision' }).click();
    await expectText(page, 'Your decision is recorded.');
    await expectText(page, 'This request is approved; there is nothing left to decide.');
    expect(await page.getByRole('button', { name: 'Send the decision' }).count()).toBe(0);
    expect((await approvalOf(submitted)).decisions).toMatchObject([{ decision: 'approve', rationale: 'read it\nall of it' }]);
    expect(await finished(submitted.execution_id)).toMatchObject({
      status: 'completed',
      output: expect.stringContaining('<b>bold</b>'),
    });
  });

  it('comes from the link of a mail, goes on without a password, and decides', async () => {
    const approver = await somebody('approver');
    const submitted = await waiting({ code: 'print("from a mail")' });
    const mail = await mailTo(approver.email, ({ text }) => text.includes(String(submitted.approval_id)));
    const { page, context } = await visit(browser, { size: 'phone', script: false });
    await page.goto(linkIn(mail));
    expect(page.url()).toMatch(new RegExp(`/approvals/${submitted.approval_id}/link$`));
    await expectText(page, 'Nothing is decided yet');
    expect(await isTooWide(page)).toBe(false);
    await page.getByRole('button', { name: 'Continue as a***@…' }).click();
    await page.waitForURL(`**/approvals/${submitted.approval_id}`);
    await expectText(page, 'print("from a mail")');
    await page.getByRole('radio', { name: /^Approve: exactly this/ }).check();
    await page.getByRole('button', { name: 'Send the decision' }).click();
    await expectText(page, 'Your decision is recorded.');
    expect((await approvalOf(submitted)).decisions).toMatchObject([{ approver: { email: approver.email } }]);
    await page.getByRole('link', { name: 'Sign in for more' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await context.close();
  });

  it('must open long code before it can be decided on', async () => {
    const lines = Array.from({ length: 300 }, (_, index) => `x${index} = ${index}`);
    const submitted = await waiting({ code: [...lines, 'print("the end")'].join('\n') });
    const { page } = await visit(browser, { size: 'phone', script: false });
    await page.goto(`/approvals/${submitted.approval_id}`);
    await signInOnPage(page, userOf('approver'));
    await expectText(page, 'This is not all: 261 lines more follow.');
    expect(await page.getByText('print("the end")').count()).toBe(0);
    expect(await page.locator('form[action$="/decision"]').count()).toBe(0);
    await page.getByRole('link', { name: 'Show all of it' }).first().click();
    await expectText(page, 'print("the end")');
    await page.getByRole('radio', { name: /^Deny/ }).check();
    await page.getByRole('button', { name: 'Send the decision' }).click();
    await expectText(page, 'This request is denied');
    expect((await get(submitted.execution_id)).error?.code ?? (await finished(submitted.execution_id)).error?.code).toBe(
      'approval_denied',
    );
  });

  it('is told which field is not as expected, and loses nothing of what was typed', async () => {
    const submitted = await waiting({ code: 'print("slow")', timeout_seconds: 20 });
    const { page } = await visit(browser, { size: 'phone', script: false });
    await page.goto(`/approvals/${submitted.approval_id}`);
    await signInOnPage(page, userOf('approver'));
    await page.getByRole('radio', { name: /tighter limits below/ }).check();
    await page.getByLabel(/^Why/).fill('not so long');
    await page.getByRole('button', { name: 'Send the decision' }).click();
    await expectText(page, 'Expected at least one tighter limit; none came.');
    expect(await page.getByLabel(/^Why/).inputValue()).toBe('not so long');
    await page.getByLabel(/^Seconds, less than 20/).fill('500');
    await page.getByRole('button', { name: 'Send the decision' }).click();
    await expectText(page, 'Conditions may only lower limits');
    await page.getByLabel(/^Seconds, less than 20/).fill('7');
    await page.getByRole('button', { name: 'Send the decision' }).click();
    await expectText(page, 'Your decision is recorded.');
    const view = await approvalOf(submitted);
    expect(view.status).toBe('approved');
    expect(view.versions.find((version) => version.digest === view.approved_digest)?.timeout_seconds).toBe(7);
  });
});

describe('an approver who hands their place on', () => {
  it('names somebody by address, who then decides; a wrong address or time is said, and nothing of the form is lost', async () => {
    const submitted = await waiting({ code: 'print("handed on")' });
    const other = await somebody('approver');
    const { page } = await visit(browser, { size: 'phone', script: true });
    await page.goto(`/approvals/${submitted.approval_id}`);
    await signInOnPage(page, userOf('approver'));
    await page.getByText('Let somebody else decide in your place').click();
    const hand = async (to: string, hours: string) => {
      await page.getByLabel('Their address').fill(to);
      await page.getByLabel(/^For so many hours/).fill(hours);
      await page.getByRole('button', { name: 'Hand it on' }).click();
    };
    await hand(userOf('viewer').email, '2');
    await expectText(page, 'Nobody who may approve has this address.');
    expect(await page.getByLabel(/^For so many hours/).inputValue()).toBe('2');
    expect(await accessibilityFaults(page)).toEqual([]);
    await hand(other.email, '1.5');
    await expectText(page, 'Your place is handed on, and they are told.');
    await expectText(page, `handed their place to ${other.email} until`);
    expect((await approvalOf(submitted)).delegations).toMatchObject([{ to: { email: other.email } }]);
  });
});

describe('an approver of something that wants a second factor', () => {
  it('is led to sign in with one, and back', async () => {
    const submitted = await waiting({ code: 'print("two factors")' });
    await rewriteRule(submitted, { second_factor_from: 'low' });
    const { totp } = await import('../support/totp.ts');
    const { page } = await visit(browser, { size: 'phone', script: true });
    await page.goto(`/approvals/${submitted.approval_id}`);
    await signInOnPage(page, await newUser('approver'));
    await page.getByRole('radio', { name: /^Deny/ }).waitFor();
    expect(await page.getByRole('radio', { name: /^Approve: exactly this/ }).count()).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('link', { name: 'Sign in with one' }).click();
    await signInOnPage(page, await newUser('approver'));
    const secret = (await page.locator('form code').textContent()) ?? '';
    await page.getByLabel(/^Six digits/).fill(totp(secret));
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.waitForURL(`**/approvals/${submitted.approval_id}`);
    await page.getByRole('radio', { name: /^Approve: exactly this/ }).check();
    await page.getByRole('button', { name: 'Send the decision' }).click();
    await expectText(page, 'Your decision is recorded.');
    expect((await approvalOf(submitted)).status).toBe('approved');
  });
});

describe('an approver at a desk', () => {
  it('finds what waits in a list, goes through it by keyboard, and decides', async () => {
    const submitted = await waiting({ code: `print("listed ${Date.now()}")` });
    const { page, complaints } = await visit(browser, { size: 'desk', script: true });
    await page.goto('/approvals');
    await signInOnPage(page, userOf('approver'));
    await page.getByRole('heading', { name: 'For you to decide', level: 1 }).waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.locator(`a[href="/approvals/${submitted.approval_id}"]`).press('Enter');
    await page.waitForURL(`**/approvals/${submitted.approval_id}`);
    await expectText(page, ' left)');
    await page.getByRole('radio', { name: /^Deny/ }).focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('Tab');
    await page.keyboard.type('not today');
    await page.getByRole('button', { name: 'Send the decision' }).press('Enter');
    await expectText(page, 'Your decision is recorded.');
    expect((await approvalOf(submitted)).decisions).toMatchObject([{ decision: 'deny', rationale: 'not today' }]);
    expect(complaints).toEqual([]);
  });

  it('is told when somebody else was faster', async () => {
    const submitted = await waiting({ code: 'print("two of them")' });
    const { page } = await visit(browser, { size: 'desk', script: false });
    await page.goto(`/approvals/${submitted.approval_id}`);
    await signInOnPage(page, userOf('approver'));
    await (await as('admin')).call('POST', `/api/v1/approvals/${submitted.approval_id}/decision`, {
      decision: 'deny',
      digest: submitted.digest,
    });
    await page.getByRole('radio', { name: /^Approve: exactly this/ }).check();
    await page.getByRole('button', { name: 'Send the decision' }).click();
    await expectText(page, 'This request is denied; it can no longer be decided.');
    expect((await approvalOf(submitted)).decisions).toHaveLength(1);
  });
});

describe('whoever asked', () => {
  it('sees their request, comments on it, cannot decide it, and takes it back', async () => {
    const submitted = await waiting({ code: 'print("mine")' });
    const { page } = await visit(browser, { size: 'phone', script: false });
    await page.goto('/approvals?show=escalated');
    await signInOnPage(page, userOf('developer'));
    expect(await page.locator(`a[href="/approvals/${submitted.approval_id}"]`).count()).toBe(0);
    await page.getByRole('link', { name: 'Yours', exact: true }).click();
    await page.locator(`a[href="/approvals/${submitted.approval_id}"]`).click();
    await expectText(page, 'Deciding needs the permission approve.');
    await page.getByLabel('Ask or answer').fill('please <soon>');
    await page.getByRole('button', { name: 'Comment' }).click();
    await expectText(page, 'please <soon>');
    await page.getByRole('button', { name: 'Withdraw' }).click();
    await expectText(page, 'You took this back. Nothing runs.');
    expect((await approvalOf(submitted)).status).toBe('withdrawn');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.goto(`/approvals/${submitted.approval_id}`);
    expect(page.url()).toContain('/sign-in');
  });
});

describe('the pages', () => {
  it('have no fault that axe knows of, in light and dark, on a phone and at a desk', async () => {
    const submitted = await waiting({
      code: `import os\n${'# a line\n'.repeat(5)}print("p\u0430ypal")   \nos.system("true")`,
      justification: 'why not',
      label: 'axe',
    });
    const mail = await mailTo(userOf('approver').email, ({ text }) => text.includes(String(submitted.approval_id)));
    for (const [size, dark] of [
      ['phone', false],
      ['desk', true],
    ] as const) {
      const { page, complaints } = await visit(browser, { size, script: true, dark });
      const about = `${size} ${dark ? 'dark' : 'light'}`;
      await page.goto(linkIn(mail));
      await expectText(page, 'Nothing is decided yet');
      expect(await accessibilityFaults(page), `link, ${about}`).toEqual([]);
      expect(await isTooWide(page), `link, ${about}`).toBe(false);
      await page.goto(`/approvals/${submitted.approval_id}`);
      expect(await accessibilityFaults(page), `sign-in, ${about}`).toEqual([]);
      await signInOnPage(page, userOf('approver'));
      await page.waitForURL(`**/approvals/${submitted.approval_id}`);
      expect(await accessibilityFaults(page), `request, ${about}`).toEqual([]);
      expect(await isTooWide(page), `request, ${about}`).toBe(false);
      await page.goto('/approvals?show=open');
      expect(await accessibilityFaults(page), `list, ${about}`).toEqual([]);
      expect(await isTooWide(page), `list, ${about}`).toBe(false);
      await page.goto('/approvals/apr_nothing');
      expect(await accessibilityFaults(page), `refusal, ${about}`).toEqual([]);
      expect(
        complaints.filter((complaint) => !complaint.includes('404')),
        about,
      ).toEqual([]);
      await page.context().close();
    }
  });

  it('ask for the second factor of a role, and set it up', async () => {
    const { totp } = await import('../support/totp.ts');
    const user = await newUser('operator');
    const { page } = await visit(browser, { size: 'phone', script: false });
    await page.goto('/approvals');
    await signInOnPage(page, user);
    const secret = (await page.locator('form code').textContent()) ?? '';
    await page.getByLabel(/^Six digits/).fill('000000');
    await page.getByRole('button', { name: 'Go on' }).click();
    await expectText(page, 'Try again');
    await page.getByLabel(/^Six digits/).fill(totp(secret));
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.waitForURL('**/approvals');
    await page.getByText(user.email).waitFor();
  });

  it('say what the front door serves under their address', async () => {
    const answer = await fetch(`${status.url}/approvals`, { redirect: 'manual' });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/sign-in?return_to=%2Fapprovals');
    const form = await fetch(`${status.url}/sign-in`);
    expect(form.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; /,
    );
    expect(form.headers.get('referrer-policy')).toBe('same-origin');
  });
});

const expectText = async (page: Page, text: string): Promise<void> => {
  await expect.poll(() => page.locator('main').textContent(), { timeout: 60_000 }).toContain(text);
};
