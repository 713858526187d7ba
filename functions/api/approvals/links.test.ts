import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { identityOf, NOW, newExecutionId, openApprovalOf, ruleOf } from '../../../test/support/entities.ts';
import { memoryLinks, memoryVisits } from '../../../test/support/memory/personal-links.ts';
import type { Approval } from '../../contracts/approval.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import { capacityOf } from '../../core/approval/eligibility.ts';
import { makeLink } from '../../core/approval/personal-link.ts';
import type { Route } from '../../runtime/api-handler.ts';
import { ApiError, problemOf } from '../../runtime/errors.ts';
import { PageError } from '../../runtime/pages.ts';
import { approvalLinks } from './links.ts';

const ORIGIN = 'https://airlock.example.com';
const TOKEN = 't'.repeat(43);
const minutes = (count: number): Date => new Date(NOW.getTime() + count * 60_000);

type Request = Parameters<Route['handle']>[0];

/** A link that was sent to user-2, in a browser that may have opened it. */
async function house(more: Partial<Approval> = {}) {
  const opened = openApprovalOf(newExecutionId());
  const state = {
    row: { ...opened, expires_at: minutes(30).toISOString(), ...more } as Approval | null,
    person: identityOf('user-2', { roles: ['approver'] }) as IdentityRecord | null,
    signedIn: null as string | null,
    now: NOW,
  };
  const [links, visits, used] = [memoryLinks(), memoryVisits(), new Set<string>()];
  if (state.row)
    await makeLink({ links, random: () => TOKEN, hours: 72 }, state.row, { user_id: 'user-2', channel: 'email' }, NOW);
  const id = opened.approval_id;
  const routes = approvalLinks({
    approvals: { get: async (asked) => (asked === id ? state.row : null) },
    identities: { get: async (asked) => (asked === 'user-2' ? state.person : null) },
    links,
    visits,
    nonces: { use: async (hash) => !used.has(hash) && used.add(hash).size > 0 },
    clock: { now: () => state.now },
    granted: configuration.security.authorization.roles,
    mfaRoles: ['operator'],
    signedIn: async () => state.signedIn,
    whyNot: async (actor, row) => {
      const capacity = capacityOf(row, actor, row.digest, state.now, []);
      return capacity.may ? null : capacity.detail;
    },
  });
  const call = async (contractId: string, request: Pick<Request, 'params'> & Partial<Request>) => {
    const found = routes.find(({ contract }) => contract.id === contractId);
    if (!found) throw new Error(`there is no route ${contractId}`);
    const headers = { origin: ORIGIN, 'x-airlock-public-origin': ORIGIN };
    const arrived = { actor: null, requestId: 'r', clientAddress: '192.0.2.1', headers, query: {}, body: undefined, ...request };
    try {
      const { status, headers: sent, raw, cookies = [] } = await found.handle(arrived as Request);
      return { status, location: sent?.location, headers: sent, text: raw?.text ?? '', cookies, about: undefined };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const text = error instanceof PageError ? error.page.html : '';
      return { status: problemOf(error, 'r').status, location: undefined, headers: {}, text, cookies: [], about: error.about };
    }
  };
  const withToken = (token: string | null) => (token === null ? {} : { cookies: [`__Host-airlock_link=${token}`] });
  return {
    state,
    id,
    visits,
    arrive: (token: string) => call('showLink', { params: { approval_id: id }, query: { token } }),
    look: (token: string | null = TOKEN, approvalId = id) =>
      call('showLink', { params: { approval_id: approvalId }, ...withToken(token) }),
    press: (nonce: string, token: string | null = TOKEN, headers = {}) =>
      call('followLink', { params: { approval_id: id }, body: { nonce }, ...withToken(token), ...headers }),
  };
}

const nonceIn = (text: string): string => /name="nonce" value="([^"]+)"/.exec(text)?.[1] ?? '';

describe('opening a personal link', () => {
  it('moves the token from the address into a cookie that no script reads, and does nothing else', async () => {
    const { arrive, id, visits } = await house();
    const answer = await arrive(TOKEN);
    expect(answer).toMatchObject({ status: 303, location: `/approvals/${id}/link`, text: '' });
    expect(answer.headers).toMatchObject({ 'referrer-policy': 'no-referrer' });
    expect(answer.cookies).toEqual([expect.stringMatching(/^__Host-airlock_link=t{43}; .*Secure; HttpOnly; SameSite=Lax$/)]);
    expect(visits.rows.size).toBe(0);
  });

  it('puts nothing into a cookie that is no token', async () => {
    const { arrive } = await house();
    for (const token of ['', 'x; Path=/evil', `${TOKEN}\r\n`]) {
      const answer = await arrive(token);
      expect([answer.status, answer.cookies]).toEqual([404, []]);
    }
  });

  it('shows a summary and whom it goes on as, and nothing of what would run', async () => {
    const { look, visits } = await house();
    const { status, text } = await look();
    expect(status).toBe(200);
    for (const word of ['Run 1 line of python', 'low risk', 'user-1@airlock.test', '30 minutes left', 'Continue as u***@…'])
      expect(text).toContain(word);
    for (const word of ['user-2', 'print(1)', 'a'.repeat(64), TOKEN]) expect(text).not.toContain(word);
    expect(visits.rows.size).toBe(0);
  });

  it('leads on by itself whoever has signed in as the person it was sent to', async () => {
    const { look, state, id } = await house();
    state.signedIn = 'user-2';
    expect(await look()).toMatchObject({ status: 303, location: `/approvals/${id}` });
  });

  it('leads whoever has no token to the page, which wants a sign-in', async () => {
    const { look, press, id } = await house();
    expect(await look(null)).toMatchObject({ status: 303, location: `/approvals/${id}` });
    expect(await press('x', null)).toMatchObject({ status: 303, location: `/approvals/${id}`, cookies: [] });
  });
});

describe('going on from a personal link', () => {
  it('begins a visit to this request as this person, once', async () => {
    const { look, press, visits, id } = await house();
    const nonce = nonceIn((await look()).text);
    const first = await press(nonce);
    expect(first).toMatchObject({ status: 303, location: `/approvals/${id}` });
    expect(first.cookies).toEqual([
      expect.stringMatching(/^__Host-airlock_visit=[\w-]{43}; Path=\/; Max-Age=900; Secure; HttpOnly; SameSite=Lax$/),
      expect.stringMatching(/^__Host-airlock_link=; Path=\/; Max-Age=0; /),
    ]);
    expect([...visits.rows.values()]).toMatchObject([{ approval_id: id, user_id: 'user-2' }]);
    expect(await press(nonce)).toMatchObject({ status: 303, location: `/approvals/${id}/link`, cookies: [] });
    expect(visits.rows.size).toBe(1);
  });

  it('needs the nonce of the page that was shown, and the page itself', async () => {
    const { look, press, visits } = await house();
    const other = await house();
    for (const nonce of ['', 'x', nonceIn((await other.look()).text)]) expect((await press(nonce)).cookies).toEqual([]);
    for (const origin of ['https://evil.example', 'null', undefined]) {
      const headers = { headers: { origin, 'x-airlock-public-origin': ORIGIN } };
      expect((await press(nonceIn((await look()).text), TOKEN, headers)).status).toBe(403);
    }
    expect(visits.rows.size).toBe(0);
  });

  it.each<[string, Partial<Approval>, string[]]>([
    ['high risk', { risk: { level: 'high', factors: [] } }, ['approver']],
    ['critical risk', { risk: { level: 'critical', factors: [] } }, ['approver']],
    ['a change of security', { operation_type: 'security_change' }, ['approver']],
    ['a rule that wants a second factor', { rule: ruleOf({ second_factor_from: 'low' }) }, ['approver']],
    ['a role that wants a second factor', {}, ['approver', 'operator']],
  ])('wants a sign-in for %s, and comes back to the request from it', async (_, more, roles) => {
    const { look, press, state, visits, id } = await house(more);
    state.person = identityOf('user-2', { roles });
    const { status, text } = await look();
    const asked = 'rule' in more ? '&second_factor=1' : '';
    const signIn = `/sign-in?return_to=${encodeURIComponent(`/approvals/${id}`)}${asked}`;
    expect(status).toBe(200);
    expect(text.replaceAll('&amp;', '&')).toContain(`href="${signIn}">Sign in to decide`);
    expect(text).not.toContain('<form');
    expect(await press('x')).toMatchObject({ status: 303, location: signIn, cookies: [] });
    expect(visits.rows.size).toBe(0);
  });
});

describe('a personal link that opens nothing', () => {
  type State = Awaited<ReturnType<typeof house>>['state'];
  const changed = (more: object) => (state: State) => ({ row: { ...state.row, ...more } as Approval });
  const [at, from, to] = [NOW.toISOString(), identityOf('user-2'), identityOf('user-3')];
  const decided = { approver: from, on_behalf_of: null, decision: 'deny', stage: 0, rationale: null, standing: null };
  const ENDINGS: [string, (state: State) => Partial<State>][] = [
    ['is too old', () => ({ now: minutes(30) })],
    [
      'is about a version that is another now',
      (state) => changed({ versions: state.row?.versions.map((one) => ({ ...one, digest: 'b'.repeat(64) })) })(state),
    ],
    ['is about a decided request', changed({ status: 'denied', closed_at: at })],
    ['is about a request that is gone', () => ({ row: null })],
    ['was sent to somebody who is gone', () => ({ person: null })],
    ['was sent to somebody who is disabled', () => ({ person: identityOf('user-2', { roles: ['approver'], disabled: true }) })],
    ['was sent to somebody who may not decide any more', () => ({ person: identityOf('user-2', { roles: ['viewer'] }) })],
    ['was sent to somebody who handed it on for good', changed({ delegations: [{ from, to, until: null, at }] })],
    ['was sent to somebody who has decided', changed({ decisions: [{ ...decided, digest: 'a'.repeat(64), decided_at: at }] })],
    ['was forwarded to somebody who has signed in', () => ({ signedIn: 'user-3' })],
  ];

  it.each(ENDINGS)('because it %s, does so in the same words, and begins nothing', async (_, ends) => {
    const built = await house();
    const nonce = nonceIn((await built.look()).text);
    expect(nonce).not.toBe('');
    const madeUp = await built.look('u'.repeat(43));
    Object.assign(built.state, ends(built.state));
    const answers = [await built.look(), await built.press(nonce)];
    for (const { status, text, about } of answers) {
      expect([status, text, about]).toEqual([404, madeUp.text, undefined]);
    }
    expect(madeUp.text).toContain('This link opens nothing');
    expect(built.visits.rows.size).toBe(0);
  });

  it('because it is made up, or of another request, counts as trying to get in', async () => {
    const { look, press } = await house();
    const other = openApprovalOf(newExecutionId()).approval_id;
    for (const answer of [await look('u'.repeat(43)), await press('x', 'u'.repeat(43)), await look(TOKEN, other)])
      expect(answer).toMatchObject({ status: 404, about: { event_type: 'authentication_failure' } });
  });
});
