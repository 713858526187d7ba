/** A browser that signs in on the user pool's own page, and at a provider behind it: another pool, which speaks OIDC like any. */
import { randomUUID } from 'node:crypto';
import {
  AdminUpdateUserAttributesCommand,
  CognitoIdentityProviderClient,
  CreateIdentityProviderCommand,
  CreateUserPoolClientCommand,
  type CreateUserPoolClientCommandInput,
  CreateUserPoolCommand,
  DeleteIdentityProviderCommand,
  UpdateUserPoolClientCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { describe, expect, it } from 'vitest';
import { as, call, status } from '../support/airlock.ts';
import { output, settings } from '../support/faults.ts';
import { createUser, newUser } from '../support/people.ts';

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
  it('says who somebody is, and which of our roles the groups they have there give', async () => {
    const provider = await openProvider();
    try {
      const user = { email: `visitor-${randomUUID().slice(0, 8)}@provider.test`, password: `Al1-${randomUUID()}` };
      await createUser(provider.poolId, user);
      const signIn = async () => {
        const tab = browser();
        const begun = await tab.visit(`${AUTHORIZE}?provider=${provider.name}`);
        const there = await tab.visit(begun.location);
        await provider.accept(new URL(there.location).searchParams.get('redirect_uri') ?? '');
        const done = await tab.submit(await tab.visit(there.location), there.location, user);
        const callback = await tab.visit(done.location);
        expect(callback.status, callback.text).toBe(302);
        const back = await tab.visit(callback.location);
        expect(back.status, back.text).toBe(302);
        return JSON.parse((await tab.visit(`${status.url}/api/v1/me`)).text);
      };
      const first = await signIn();
      expect(first).toMatchObject({ email: user.email, roles: [], permissions: [], credential: 'session' });
      const groups = [{ Name: 'custom:teams', Value: '[airlock-viewers, admin]' }];
      await cognito.send(
        new AdminUpdateUserAttributesCommand({ UserPoolId: provider.poolId, Username: user.email, UserAttributes: groups }),
      );
      const second = await signIn();
      expect(second).toMatchObject({ user_id: first.user_id, roles: ['viewer'] });

      const admin = await as('admin');
      await admin.call('PATCH', `/api/v1/users/${first.user_id}`, { disabled: true, reason: 'left' });
      await expect(signIn()).rejects.toThrow();
    } finally {
      await provider.close();
    }
  });

  async function openProvider() {
    const { UserPool } = await cognito.send(
      new CreateUserPoolCommand({
        PoolName: `provider-${randomUUID()}`,
        Schema: [{ Name: 'teams', AttributeDataType: 'String', Mutable: true }],
      }),
    );
    const poolId = UserPool?.Id ?? '';
    const flow: Omit<CreateUserPoolClientCommandInput, 'UserPoolId' | 'ClientName'> = {
      AllowedOAuthFlows: ['code'],
      AllowedOAuthFlowsUserPoolClient: true,
      AllowedOAuthScopes: ['openid', 'email', 'profile'],
    };
    const { UserPoolClient: client } = await cognito.send(
      new CreateUserPoolClientCommand({
        UserPoolId: poolId,
        ClientName: 'airlock',
        GenerateSecret: true,
        ...flow,
        CallbackURLs: ['https://not-yet.example'],
      }),
    );
    const name = `Test-${randomUUID().slice(0, 8)}`;
    const ours = { UserPoolId: output('UserPoolId'), ProviderName: name };
    await cognito.send(
      new CreateIdentityProviderCommand({
        ...ours,
        ProviderType: 'OIDC',
        ProviderDetails: {
          client_id: client?.ClientId ?? '',
          client_secret: client?.ClientSecret ?? '',
          authorize_scopes: 'openid email',
          attributes_request_method: 'GET',
          oidc_issuer: `${status.emulator_url}/${poolId}`,
          authorize_url: `${status.emulator_url}/oauth2/authorize`,
          token_url: `${status.emulator_url}/oauth2/token`,
        },
        AttributeMapping: { email: 'email', 'custom:groups': 'custom:teams' },
      }),
    );
    return {
      poolId,
      name,
      accept: async (redirectUri: string) => {
        await cognito.send(
          new UpdateUserPoolClientCommand({
            UserPoolId: poolId,
            ClientId: client?.ClientId ?? '',
            ...flow,
            CallbackURLs: [redirectUri],
          }),
        );
      },
      close: async () => {
        await cognito.send(new DeleteIdentityProviderCommand(ours));
      },
    };
  }
});
