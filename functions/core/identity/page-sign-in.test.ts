import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { beginSignIn, begunBy } from './page-sign-in.ts';

const page = { url: 'https://sign-in.example', clientId: 'pages' };
const asked = { provider: undefined, returnTo: '/executions', redirectUri: 'https://airlock.example/api/v1/auth/callback' };
const begin = () => beginSignIn(page, asked, () => randomBytes(32).toString('base64url'));
const queryOf = (url: string) => new URL(url).searchParams;

describe('signing in on another page', () => {
  it('shows that page nothing by which the code could be redeemed', () => {
    const { url, cookie } = begin();
    const kept = begunBy(cookie, queryOf(url).get('state') ?? '');
    expect(kept?.return_to).toBe('/executions');
    expect(url).not.toContain(kept?.verifier);
    expect(queryOf(url).get('code_challenge_method')).toBe('S256');
    expect(queryOf(url).get('code_challenge')).toHaveLength(43);
    expect(queryOf(url).get('identity_provider')).toBeNull();
    expect(queryOf(beginSignIn(page, { ...asked, provider: 'Okta' }, () => 'x').url).get('identity_provider')).toBe('Okta');
  });

  it('ends only in the browser that began it, with the answer to what it began', () => {
    const mine = begin();
    const other = begin();
    const state = queryOf(mine.url).get('state') ?? '';
    expect(begunBy(mine.cookie, state)).not.toBeNull();
    expect(begunBy(other.cookie, state)).toBeNull();
    for (const cookie of [null, '', 'x', Buffer.from('{"state":1}').toString('base64url')])
      expect(begunBy(cookie, state)).toBeNull();
    const leadingAway = JSON.parse(Buffer.from(mine.cookie, 'base64url').toString('utf8')) as object;
    const elsewhere = JSON.stringify({ ...leadingAway, return_to: '//evil.example' });
    expect(begunBy(Buffer.from(elsewhere).toString('base64url'), state)).toBeNull();
    for (const wrong of [undefined, '', `${state}x`]) expect(begunBy(mine.cookie, wrong)).toBeNull();
  });
});
