/** A browser that signs in on the user pool's own page, and at a provider behind it. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CognitoIdentityProviderClient,
  CreateIdentityProviderCommand,
  DeleteIdentityProviderCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import Provider from 'oidc-provider';
import { describe, expect, it } from 'vitest';
import { as, call, status } from '../support/airlock.ts';
import { output, settings } from '../support/faults.ts';
import { newUser } from '../support/people.ts';

const cognito = new CognitoIdentityProviderClient(settings);

/** As much of a browser as a sign-in needs: cookies for each origin, and a page with one form. */
function browser() {
  const jar = new Map<string, Map<string, string>>();
  async function visit(address: string, form?: URLSearchParams): Promise<{ status: number; location: string; text: string }> {
    const { origin } = new URL(address);
    const cookies = jar.get(origin) ?? new Map<string, string>();
    jar.set(origin, cookies);
    const answer = await fetch(address, {
      method: form ? 'POST' : 'GET',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form ? { body: form } : {}),
      redirect: 'manual',
    });
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=');
      if (line.includes('Max-Age=0;')) cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = answer.headers.get('location') ?? '';
    return { status: answer.status, location: location && new URL(location, address).href, text: await answer.text() };
  }
  return {
    visit,
    cookies: () => jar.get(new URL(status.url).origin) ?? new Map<string, string>(),
    /** Fills in the form of a sign-in page. */
    async submit(page: { text: string }, at: string, user: { email: string; password: string }) {
      const form = new URLSearchParams({ username: user.email, password: user.password });
      for (const [, name = '', value = ''] of page.text.matchAll(/name="(\w+)" value="([^"]*)"/g))
        form.append(name, value.replaceAll('&amp;', '&'));
      return await visit(new URL('/login', at).href, form);
    },
  };
}

const AUTHORIZE = `${status.url}/api/v1/auth/authorize`;

/** To the callback's address, and not yet there. */
async function signedInElsewhere(tab: ReturnType<typeof browser>, user: { email: string; password: string }, query = '') {
  const begun = await tab.visit(`${AUTHORIZE}${query}`);
  expect(begun.status).toBe(302);
  const page = await tab.visit(begun.location);
  const done = await tab.submit(page, begun.location, user);
  expect(done.status, done.text).toBe(302);
  return done.location;
}

describe('the page of the user pool', () => {
  it('leads back to where a browser began, with a session in a cookie', async () => {
    const tab = browser();
    const user = await newUser('developer');
    const callback = await signedInElsewhere(tab, user, '?return_to=/executions');
    expect(new URL(callback).origin).toBe(new URL(status.url).origin);
    const back = await tab.visit(callback);
    expect([back.status, back.location]).toEqual([302, new URL('/executions', status.url).href]);
    expect([...tab.cookies().keys()]).toEqual(['airlock_session']);
    const me = await tab.visit(`${status.url}/api/v1/me`);
    expect(JSON.parse(me.text)).toMatchObject({ email: user.email, roles: ['developer'], credential: 'session' });
    // It goes on as the client it began as.
    const { csrf_token } = JSON.parse((await tab.visit(`${status.url}/api/v1/auth/session`)).text);
    const headers = {
      cookie: `airlock_session=${tab.cookies().get('airlock_session')}`,
      origin: new URL(status.url).origin,
      'x-csrf-token': csrf_token,
    };
    expect((await call('POST', '/api/v1/auth/session/renew', {}, headers)).status).toBe(200);
    expect((await call('POST', '/api/v1/auth/logout', undefined, headers)).status).toBe(200);
    expect((await call('POST', '/api/v1/auth/session/renew', {}, headers)).status).toBe(401);
  });

  it('gives a code that is worth nothing in another browser, with another verifier, or a second time', async () => {
    const user = await newUser('developer');
    const [mine, other] = [browser(), browser()];
    const callback = await signedInElsewhere(mine, user);
    // The address was read over a shoulder: that browser began nothing, or something else.
    expect((await other.visit(callback)).status).toBe(401);
    const begun = await other.visit(AUTHORIZE);
    expect((await other.visit(callback)).status).toBe(401);
    const swapped = new URL(callback);
    swapped.searchParams.set('state', new URL(begun.location).searchParams.get('state') ?? '');
    expect((await other.visit(swapped.href)).status).toBe(401);
    expect(other.cookies().has('airlock_session')).toBe(false);

    const cookie = `airlock_sign_in=${mine.cookies().get('airlock_sign_in')}`;
    expect((await mine.visit(callback)).status).toBe(302);
    expect((await fetch(callback, { headers: { cookie }, redirect: 'manual' })).status).toBe(401);
  });

  it('is no way round the second factor that a role wants', async () => {
    const tab = browser();
    const callback = await signedInElsewhere(tab, await newUser('operator'));
    expect((await tab.visit(callback)).status).toBe(401);
    expect(tab.cookies().has('airlock_session')).toBe(false);
  });

  it('is not begun for what leads away from here', async () => {
    const away = ['//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)', '/a\r\nx: y', ''];
    for (const to of away) {
      const answer = await call('GET', `/api/v1/auth/authorize?return_to=${encodeURIComponent(to)}`);
      expect(answer.status, to).toBe(422);
    }
  });
});

describe('a provider', () => {
  it('says who somebody is, which of our roles the groups they have there give, and whose address it has verified', async () => {
    const provider = await openProvider();
    try {
      const name = `visitor-${randomUUID().slice(0, 8)}`;
      const claims = { email: `${name}@provider.test`, email_verified: 'true', groups: '' };
      provider.accounts.set(name, claims);
      const signIn = async () => {
        const tab = browser();
        const begun = await tab.visit(`${AUTHORIZE}?provider=${provider.name}`);
        const there = await tab.visit(begun.location);
        expect(new URL(there.location).origin).toBe(provider.issuer);
        const callback = await tab.visit(await throughProvider(tab, there.location, name));
        expect(callback.status, callback.text).toBe(302);
        const back = await tab.visit(callback.location);
        expect(back.status, back.text).toBe(302);
        return JSON.parse((await tab.visit(`${status.url}/api/v1/me`)).text);
      };
      const first = await signIn();
      expect(first).toMatchObject({ email: claims.email, roles: [], permissions: [], credential: 'session' });
      provider.accounts.set(name, { email: 'boss@airlock.test', email_verified: 'false', groups: '[airlock-viewers, admin]' });
      const second = await signIn();
      expect(second).toMatchObject({ user_id: first.user_id, email: claims.email, roles: ['viewer'] });

      // They are found in the user pool by the name they have there.
      const admin = await as('admin');
      const change = { disabled: true, roles: ['developer'], reason: 'left' };
      expect((await admin.call('PATCH', `/api/v1/users/${first.user_id}`, change)).status).toBe(200);
      await expect(signIn()).rejects.toThrow();
    } finally {
      await provider.close();
    }
  });

  /** Signs in and agrees on the provider's own pages; gives the address it sends the browser back to. */
  async function throughProvider(tab: ReturnType<typeof browser>, from: string, login: string): Promise<string> {
    const { origin } = new URL(from);
    let at = from;
    for (let steps = 0; steps < 12; steps += 1) {
      let page = await tab.visit(at);
      const prompt = /name="prompt" value="(\w+)"/.exec(page.text)?.[1];
      if (prompt !== undefined) page = await tab.visit(at, new URLSearchParams({ prompt, login, password: 'any' }));
      if (page.status < 300 || page.status >= 400) throw new Error(`${at} answered ${page.status}: ${page.text}`);
      if (new URL(page.location).origin !== origin) return page.location;
      at = page.location;
    }
    throw new Error('the provider never sends anybody back');
  }

  async function openProvider() {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // The emulator hands on texts alone, so `email_verified` and groups are texts here.
    const accounts = new Map<string, { email: string; email_verified: string; groups: string }>();
    const client_secret = randomUUID();
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: 'airlock',
          client_secret,
          token_endpoint_auth_method: 'client_secret_post',
          // The emulator goes by this name, whatever it was asked under.
          redirect_uris: [`http://localhost:${new URL(status.emulator_url).port}/oauth2/idpresponse`],
        },
      ],
      cookies: { keys: [randomUUID()] },
      ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['groups'] },
      // The user pool reads the id token.
      conformIdTokenClaims: false,
      // Between the pool and a provider there is a secret; the emulator sends no challenge beside it.
      pkce: { required: () => false },
      findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...accounts.get(accountId) }) }),
    });
    server.on('request', provider.callback());
    const name = `Test-${randomUUID().slice(0, 8)}`;
    const ours = { UserPoolId: output('UserPoolId'), ProviderName: name };
    await cognito.send(
      new CreateIdentityProviderCommand({
        ...ours,
        ProviderType: 'OIDC',
        ProviderDetails: {
          ...{ client_id: 'airlock', client_secret, oidc_issuer: issuer },
          ...{ authorize_scopes: 'openid email profile', attributes_request_method: 'GET' },
        },
        AttributeMapping: { email: 'email', email_verified: 'email_verified', 'custom:groups': 'groups' },
      }),
    );
    return {
      issuer,
      name,
      accounts,
      close: async () => {
        await cognito.send(new DeleteIdentityProviderCommand(ours));
        server.closeAllConnections();
        server.close();
      },
    };
  }
});
