/**
 * The links of mails: whoever holds one holds a mailbox, or a mail that was passed on, or a copy of either. Each way of getting more out of
 * it than one decision of one person on one request is tried here, on the deployed product.
 */
import { describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../functions/contracts/audit.ts';
import type { SecurityEvent } from '../../functions/contracts/security-event.ts';
import { approvalOf, as, call, until, userOf } from '../support/airlock.ts';
import { linkIn, mailTo } from '../support/inbox.ts';
import { ask, fieldOf, formOf, origin, signedIn } from '../support/pages.ts';
import { type Person, somebody } from '../support/people.ts';
import { type Waiting, waiting } from '../support/waiting.ts';

const SECRET = 'print("nobody reads this before they say who they are")';

/** The link that this person was sent for a request of this code. */
async function mailed(person: { email: string }, code = SECRET): Promise<{ request: Waiting; link: string }> {
  const request = await waiting({ code });
  const mail = await mailTo(person.email, ({ text }) => text.includes(String(request.approval_id)));
  return { request, link: linkIn(mail) };
}

const cookieIn = (headers: Headers, name: string): string =>
  (headers.getSetCookie().find((cookie) => cookie.startsWith(`${name}=`)) ?? '').split(';')[0] ?? '';

/** Opens the link as a browser does: the token moves into a cookie, then the page is shown. */
async function opened(link: string, cookies = '') {
  const first = await ask('GET', link);
  const own = cookieIn(first.headers, 'airlock_link');
  const cookie = [own, cookies].filter((one) => one !== '').join('; ');
  return { first, cookie, page: await ask('GET', first.headers.get('location') ?? '', { cookie }) };
}

/** Opens the link and presses the button. */
async function visiting(link: string): Promise<{ cookie: string; answer: Awaited<ReturnType<typeof ask>>; nonce: string }> {
  const { first, cookie, page } = await opened(link);
  const nonce = fieldOf(page.text, 'nonce');
  const answer = await ask('POST', first.headers.get('location') ?? '', { cookie, origin }, { nonce });
  return { cookie: cookieIn(answer.headers, 'airlock_visit'), answer, nonce };
}

const DEAD = 'This link opens nothing';
let approver: Person | undefined;
const sharedApprover = async (): Promise<Person> => {
  approver ??= await somebody('approver');
  return approver;
};

describe('opening the link of a mail', () => {
  it('decides nothing and signs nobody in, whatever follows every link of it and sends no form', async () => {
    const { request, link } = await mailed(await sharedApprover());
    const [seen, left, jar] = [new Set<string>(), [link], new Set<string>()];
    for (let path = left.shift(); path !== undefined && seen.size < 30; path = left.shift()) {
      if (seen.has(path) || !path.startsWith('/')) continue;
      seen.add(path);
      for (const method of ['HEAD', 'GET', 'OPTIONS']) {
        const { text, headers } = await ask(method, path, { cookie: [...jar].join('; '), origin });
        for (const cookie of headers.getSetCookie()) jar.add(cookie.split(';')[0] ?? '');
        const location = headers.get('location');
        if (location !== null) left.push(location);
        for (const [, found = ''] of text.matchAll(/(?:href|action|src)="([^"]+)"/g)) left.push(found.replaceAll('&amp;', '&'));
        expect(text).not.toContain('nobody reads this');
      }
    }
    expect([...seen]).toContain(`${request.path}/link`);
    expect([...jar].map((cookie) => cookie.split('=')[0])).toEqual(['airlock_link']);
    expect(await approvalOf(request)).toMatchObject({ status: 'open', decisions: [] });
  });

  it('shows a summary, keeps the token out of addresses and pages, and leads whoever has signed in straight on', async () => {
    const person = await sharedApprover();
    const { request, link } = await mailed(person);
    const { first, page, cookie } = await opened(link);
    expect(first.headers.get('location')).toBe(`${request.path}/link`);
    for (const { headers } of [first, page]) expect(headers.get('cache-control')).toBe('no-store');
    expect(first.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.status).toBe(200);
    for (const word of ['Continue as a***@…', 'low risk', userOf('developer').email]) expect(page.text).toContain(word);
    for (const word of [cookie.split('=')[1] ?? '', 'nobody reads this', person.email]) expect(page.text).not.toContain(word);

    const mine = await opened(link, await signedIn(person));
    expect([mine.page.status, mine.page.headers.get('location')]).toEqual([303, request.path]);
    const forwarded = await opened(link, await signedIn(userOf('admin')));
    expect([forwarded.page.status, forwarded.page.text.includes(DEAD)]).toEqual([404, true]);
  });

  it('made up, says the same as a link that is over, and is noticed', async () => {
    const { request, link } = await mailed(await sharedApprover());
    const madeUp = await opened(`${request.path}/link?token=${'A'.repeat(43)}`);
    const misshapen = await ask('GET', `${request.path}/link?token=x`);
    const ofOther = await opened(`/approvals/apr_01900000-0000-7000-8000-000000000000/link?${link.split('?')[1]}`);
    await (await as('admin')).call('POST', `/api/v1${request.path}/decision`, { decision: 'deny', digest: request.digest });
    const over = await opened(link);
    expect(over.page.text).toContain(DEAD);
    for (const page of [madeUp.page, misshapen, ofOther.page, over.page]) {
      expect([page.status, page.text]).toEqual([404, over.page.text]);
    }
    const path = '/api/v1/security/events?event_type=authentication_failure&limit=200';
    await until('the tries to be noticed', async () => {
      const { body } = await (await as('admin')).call<{ events: SecurityEvent[] }>('GET', path);
      return body.events.some(({ endpoint }) => endpoint === 'showLink');
    });
  });
});

describe('going on from the link of a mail', () => {
  it('reads and decides that one request as that person, and nothing else', async () => {
    const person = await sharedApprover();
    const { request, link } = await mailed(person);
    const other = await waiting();
    const { cookie } = await visiting(link);
    expect(cookie).toMatch(/^airlock_visit=[\w-]{43}$/);
    const shown = await ask('GET', request.path, { cookie });
    expect(shown.status).toBe(200);
    expect(shown.text).toContain('nobody reads this');
    expect(shown.text).toContain(person.email);
    const forms = [...shown.text.matchAll(/<form[^>]* action="([^"]+)"/g)].map(([, action]) => action);
    expect(forms).toEqual([`${request.path}/decision`]);

    const form = await formOf(request.path, cookie);
    const { csrf_token = '' } = form;
    const elsewhere: [string, string, Record<string, string>?][] = [
      ['GET', '/approvals'],
      ['GET', other.path],
      ['POST', `${other.path}/decision`, form],
      ['POST', `${request.path}/comments`, { csrf_token, text: 'hello' }],
      ['POST', `${request.path}/delegate`, { csrf_token, to: userOf('admin').email }],
      ['POST', `${request.path}/withdraw`, { csrf_token }],
      ['POST', '/sign-out', { csrf_token }],
    ];
    for (const [method, path, fields] of elsewhere) {
      const { status: answered, headers } = await ask(method, path, { cookie, origin }, fields);
      expect([answered, headers.get('location')], `${method} ${path}`).toEqual([303, expect.stringMatching(/^\/sign-in(\?|$)/)]);
    }
    const headers = { cookie, origin, 'x-csrf-token': csrf_token };
    const decision = { decision: 'approve', digest: request.digest };
    for (const [method, path, body] of [
      ['GET', '/api/v1/me', undefined],
      ['GET', `/api/v1${request.path}`, undefined],
      ['POST', `/api/v1${request.path}/decision`, decision],
      ['POST', '/api/v1/auth/session/renew', {}],
      ['POST', '/api/v1/execute', { language: 'python', code: 'print(1)' }],
    ] as const)
      expect((await call(method, path, body, headers)).status, `${method} ${path}`).toBe(401);
    const evil = await ask('POST', `${request.path}/decision`, { cookie, origin: 'https://evil.example' }, form);
    expect(evil.status).toBe(403);
    expect(await approvalOf(request)).toMatchObject({ status: 'open', decisions: [], comments: [], delegations: [] });

    const decided = await ask('POST', `${request.path}/decision`, { cookie, origin }, { ...form, decision: 'deny' });
    expect([decided.status, decided.headers.get('location')]).toEqual([303, `${request.path}?done=decided`]);
    expect((await approvalOf(request)).decisions).toMatchObject([{ decision: 'deny', approver: { user_id: person.user_id } }]);
    const audit = `/api/v1/audit?entity_id=${request.approval_id}`;
    const { body } = await (await as('admin')).call<{ records: AuditRecord[] }>('GET', audit);
    expect(body.records.filter(({ action }) => action === 'decided')).toMatchObject([
      { actor: person.user_id, details: { channel: 'email_link' } },
    ]);
    const again = await visiting(link);
    expect([again.answer.status, again.cookie, again.answer.text.includes(DEAD)]).toEqual([404, '', true]);
  });

  it('is for whoever is still who the link was sent to: not disabled, and not with everything of theirs ended', async () => {
    const person = await somebody('approver');
    const { request, link } = await mailed(person);
    const { cookie } = await visiting(link);
    expect((await ask('GET', request.path, { cookie })).status).toBe(200);
    await (await as('admin')).call('PATCH', `/api/v1/users/${person.user_id}`, { disabled: true, reason: 'left' });
    await until('the visit to be over', async () => (await ask('GET', request.path, { cookie })).status === 303);
    const { page } = await opened(link);
    expect([page.status, page.text.includes(DEAD)]).toEqual([404, true]);
  });

  it('wants a sign-in where the risk is high, and leads back to the request', async () => {
    const person = await sharedApprover();
    const { request, link } = await mailed(person, 'print(eval("1"))');
    expect((await approvalOf(request)).risk_level).toBe('high');
    const { page } = await opened(link);
    expect(page.text).toContain('Sign in to decide');
    expect(page.text).not.toContain('Continue as');
    const { answer, cookie } = await visiting(link);
    const signIn = `/sign-in?return_to=${encodeURIComponent(request.path)}`;
    expect([answer.status, answer.headers.get('location'), cookie]).toEqual([303, signIn, '']);
    const form = { return_to: request.path, email: person.email, password: person.password };
    const back = await ask('POST', '/sign-in', { origin }, form);
    expect([back.status, back.headers.get('location')]).toEqual([303, request.path]);
  });
});
