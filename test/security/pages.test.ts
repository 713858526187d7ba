/** The pages of decisions as scanners, other sites, other people and repeated forms meet them. The routes come from their contracts. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RouteContract } from '../../functions/contracts/route.ts';
import { ROUTES_OF_FUNCTION } from '../../functions/contracts/routes.ts';
import { approvalOf, as, status, until, userOf } from '../support/airlock.ts';
import { ask, fieldOf, formOf, origin, signedIn } from '../support/pages.ts';
import { somebody } from '../support/people.ts';
import { waiting } from '../support/waiting.ts';

const pages = (Object.values(ROUTES_OF_FUNCTION).flat() as readonly RouteContract[]).filter((route) => route.page);

const printing = () => waiting({ code: `print("${randomUUID()}")` });

const pathOf = ({ path }: RouteContract, approvalId = `apr_${'01900000-0000-7000-8000-000000000000'}`): string =>
  path.replace('{approval_id}', approvalId);

describe('whoever is not signed in', () => {
  it.each(pages.filter((page) => page.permission !== 'public'))(
    'is led from $method $path to where one signs in, and shown nothing',
    async (page) => {
      const { path } = await printing();
      const real = pathOf(page, path.slice('/approvals/'.length));
      const form = page.method === 'POST' ? { csrf_token: 'x' } : undefined;
      const token = (await as('approver')).token;
      const credentials: Record<string, string>[] = [
        {},
        { cookie: `airlock_session=${'x'.repeat(43)}` },
        { authorization: `Bearer ${token}` },
      ];
      for (const headers of credentials) {
        const answer = await ask(page.method, real, { origin, ...headers }, form);
        expect(answer.status).toBe(303);
        expect(answer.headers.get('location')).toMatch(/^\/sign-in\?return_to=%2F/);
        expect(answer.text).toBe('');
      }
    },
  );

  it('cannot be sent elsewhere by the address of the sign-in', async () => {
    for (const target of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      const answer = await ask('GET', `/sign-in?return_to=${encodeURIComponent(target)}`);
      expect(answer.status).toBe(422);
      expect(answer.headers.get('location')).toBeNull();
    }
    const answer = await ask('POST', '/sign-in', { origin }, { ...userOf('approver'), role: '', return_to: '//evil.example' });
    expect(answer.status).toBe(422);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it('is signed in by the page itself only, and never under the address of another', async () => {
    const { email, password } = userOf('approver');
    const origins: Record<string, string>[] = [{}, { origin: 'https://evil.example' }, { origin: 'null' }];
    for (const headers of origins) {
      const answer = await ask('POST', '/sign-in', headers, { return_to: '/approvals', email, password });
      expect(answer.status).toBe(403);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
  });
});

describe('a decision on the page', () => {
  it('is not made by anything that follows every link and sends no form', async () => {
    const submitted = await printing();
    const cookie = await signedIn(userOf('approver'));
    const seen = new Set<string>();
    const left = [submitted.path];
    for (let path = left.shift(); path !== undefined && seen.size < 60; path = left.shift()) {
      if (seen.has(path) || !path.startsWith('/')) continue;
      seen.add(path);
      for (const method of ['HEAD', 'GET', 'OPTIONS']) {
        const { text } = await ask(method, path, { cookie });
        for (const [, link = ''] of text.matchAll(/(?:href|action|src)="([^"]+)"/g))
          left.push(link.replaceAll('&amp;', '&').replace(/#.*/, ''));
      }
    }
    expect([...seen]).toContain(`${submitted.path}/decision`);
    const form = await formOf(submitted.path, cookie);
    await ask('GET', `${submitted.path}/decision?${new URLSearchParams(form)}`, { cookie, origin });
    expect(await approvalOf(submitted)).toMatchObject({ status: 'open', decisions: [] });
  });

  it('is made once by one form, whoever sends it again', async () => {
    const submitted = await printing();
    const cookie = await signedIn(userOf('approver'));
    const form = { ...(await formOf(submitted.path, cookie)), decision: 'deny' };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => ask('POST', `${submitted.path}/decision`, { cookie, origin }, form)),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([303, 409, 409, 409, 409]);
    expect((await approvalOf(submitted)).decisions).toHaveLength(1);
  });

  it('is not made by a form of another request, another person, another site, or none at all', async () => {
    const [submitted, other] = [await printing(), await printing()];
    const cookie = await signedIn(userOf('approver'));
    const otherCookie = await signedIn(userOf('admin'));
    const form = await formOf(submitted.path, cookie);
    const ofOther = await formOf(other.path, cookie);
    const ofAdmin = await formOf(submitted.path, otherCookie);
    const post = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
      ask('POST', `${submitted.path}/decision`, { cookie, origin, ...headers }, fields);

    expect((await post({ ...form, nonce: ofOther.nonce ?? '' })).status).toBe(409);
    expect((await post({ ...form, nonce: ofAdmin.nonce ?? '' })).status).toBe(409);
    expect((await post({ ...form, nonce: '' })).status).toBe(409);
    const [own = '', until = '', signature = ''] = (form.nonce ?? '').split('.');
    expect((await post({ ...form, nonce: `${own}.${Number(until) + 1}.${signature}` })).status).toBe(409);
    expect((await post({ ...form, digest: ofOther.digest ?? '' })).status).toBe(409);
    const unused = await formOf(submitted.path, cookie);
    for (const origin of ['https://evil.example', 'null', ''])
      expect((await post(unused, { origin })).status, `from ${origin}`).toBe(403);
    expect((await post({ ...unused, csrf_token: ofAdmin.csrf_token ?? '' })).status).toBe(403);
    expect((await post({ ...unused, extra: '1' })).status).toBe(422);
    const twice = await fetch(`${status.url}${submitted.path}/decision`, {
      method: 'POST',
      headers: { cookie, origin, 'content-type': 'application/x-www-form-urlencoded' },
      body: `${new URLSearchParams(unused)}&decision=deny`,
      redirect: 'manual',
    });
    expect(twice.status).toBe(422);
    expect(await approvalOf(submitted)).toMatchObject({ status: 'open', decisions: [] });
  });

  it('is for those who may, whatever their page showed', async () => {
    const submitted = await printing();
    for (const role of ['developer', 'viewer'] as const) {
      const cookie = await signedIn(userOf(role));
      const { status: shown, text } = await ask('GET', submitted.path, { cookie });
      // Whoever asked sees it, without a form; others do not learn that it is there.
      expect(shown).toBe(role === 'developer' ? 200 : 404);
      expect(text).not.toContain('/decision"');
      const answer = await ask(
        'POST',
        `${submitted.path}/decision`,
        { cookie, origin },
        {
          csrf_token: fieldOf((await ask('GET', '/approvals', { cookie })).text, 'csrf_token'),
          nonce: 'x',
          digest: submitted.digest,
          decision: 'approve',
        },
      );
      expect(answer.status, role).toBe(403);
    }
    expect((await approvalOf(submitted)).decisions).toEqual([]);
  });

  it('is refused to whoever lost the role while the page was open', async () => {
    const submitted = await printing();
    const approver = await somebody('approver');
    const cookie = await signedIn(approver);
    const form = await formOf(submitted.path, cookie);
    expect(form.nonce).not.toBe('');
    await (await as('admin')).call('PATCH', `/api/v1/users/${approver.user_id}`, { roles: ['viewer'], reason: 'moved on' });
    await until('the role to be gone', async () => (await ask('GET', submitted.path, { cookie })).status !== 200);
    expect((await ask('POST', `${submitted.path}/decision`, { cookie, origin }, form)).status).toBe(403);
    expect((await approvalOf(submitted)).decisions).toEqual([]);
  });
});

describe('text of others', () => {
  it('stays text, wherever it comes from', async () => {
    const hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\u001b[31m';
    const { path } = await waiting({
      code: `print(1) # ${hostile.replace('\u001b', '')}`,
      justification: hostile,
      env: { HOSTILE: hostile },
      args: [hostile.replaceAll('\u001b', '')],
      context: { note: hostile },
    });
    const { text } = await ask('GET', path, { cookie: await signedIn(userOf('approver')) });
    for (const bad of ['<script>alert', '<img', '\u202e', '\u001b']) expect(text).not.toContain(bad);
    expect(text.match(/&lt;script&gt;alert/g)?.length).toBeGreaterThanOrEqual(5);
    expect(text).toContain('⟦U+202E⟧');
    expect(text).toContain('⟦U+001B⟧');
  });
});
