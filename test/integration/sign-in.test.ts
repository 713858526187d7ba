import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  AdminInitiateAuthCommand,
  CognitoIdentityProviderClient,
  InitiateAuthCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Challenge, Tokens } from '../../functions/contracts/sign-in.ts';
import { type Answer, as, type Client, call, clientOf, problemOf, status } from '../support/airlock.ts';
import { output, settings, tables } from '../support/faults.ts';
import { createUser, newUser, somebody } from '../support/people.ts';
import { totp } from '../support/totp.ts';

const cognito = new CognitoIdentityProviderClient(settings);

const login = (user: { email: string; password: string }): Promise<Answer<Tokens & Challenge>> =>
  call('POST', '/api/v1/auth/login', { email: user.email, password: user.password });
const answer = (body: object): Promise<Answer<Tokens & Challenge>> => call('POST', '/api/v1/auth/challenge', body);
const refresh = (token: string): Promise<Answer<Tokens>> => call('POST', '/api/v1/auth/refresh', { refresh_token: token });
async function connected(client: Client): Promise<WebSocket> {
  const clientId = `client-${randomUUID().slice(0, 8)}`;
  const { body } = await client.call<{ ticket: string }>('POST', '/api/v1/ws/tickets', { client_id: clientId });
  const socket = new WebSocket(`${status.ws_url}/${clientId}?ticket=${encodeURIComponent(body.ticket)}`);
  await once(socket, 'open');
  return socket;
}
const isIn = async (client: Pick<Client, 'call'>): Promise<number> => (await client.call('GET', '/api/v1/me')).status;

describe('a second factor', () => {
  it('is set up at the first sign-in of a role that wants one, and asked for at every later one', async () => {
    const user = await newUser('operator');
    const first = await login(user);
    expect(first.status).toBe(202);
    expect(first.body).toMatchObject({
      challenge: 'set_up_mfa',
      otpauth_uri: expect.stringContaining('otpauth://totp/Airlock:'),
    });
    expect(JSON.stringify(first.body)).not.toContain('access_token');
    const secret = first.body.secret ?? '';
    expect((await answer({ challenge_id: first.body.challenge_id, code: '000000' })).status).toBe(401);
    const done = await answer({ challenge_id: first.body.challenge_id, code: totp(secret) });
    expect(done.status).toBe(200);
    expect(await isIn(clientOf(done.body.access_token))).toBe(200);
    expect((await answer({ challenge_id: first.body.challenge_id, code: totp(secret) })).status).toBe(401);

    const second = await login(user);
    expect(second.body).toMatchObject({ challenge: 'mfa' });
    expect(second.body.secret).toBeUndefined();
    for (let tries = 0; tries < 3; tries += 1)
      expect((await answer({ challenge_id: second.body.challenge_id, code: '000000' })).status).toBe(401);
    // Three wrong ones are enough, also for the right one after them.
    expect((await answer({ challenge_id: second.body.challenge_id, code: totp(secret) })).status).toBe(401);
    const third = await login(user);
    expect((await answer({ challenge_id: third.body.challenge_id, code: totp(secret) })).status).toBe(200);
  });
});

describe('a password somebody else chose', () => {
  it('has to be changed, by whoever knows it, to one that does', async () => {
    const user = { email: `new-${randomUUID().slice(0, 8)}@airlock.test`, password: `Al1-${randomUUID()}` };
    await createUser(output('UserPoolId'), user, { isTemporary: true });
    const first = await login(user);
    expect(first.body).toMatchObject({ challenge: 'new_password' });
    expect((await answer({ challenge_id: 'x'.repeat(43), new_password: 'Al1-hijacked-account' })).status).toBe(401);
    expect((await answer({ challenge_id: first.body.challenge_id, code: '123456' })).status).toBe(401);
    const password = `Al1-${randomUUID()}`;
    const done = await answer({ challenge_id: first.body.challenge_id, new_password: password });
    expect(done.status).toBe(200);
    expect(await isIn(clientOf(done.body.access_token))).toBe(200);
    expect((await login({ ...user, password })).status).toBe(200);
    expect((await login(user)).status).toBe(401);
  });
});

describe('a session', () => {
  it('is to be had from us alone: the user pool takes no password from whoever knows one', async () => {
    const user = await newUser('operator');
    const anybody = new CognitoIdentityProviderClient({
      ...settings,
      credentials: { accessKeyId: 'anybody', secretAccessKey: 'anybody' },
    });
    const ask = anybody.send(
      new InitiateAuthCommand({
        ClientId: output('UserPoolClientId'),
        AuthFlow: 'USER_PASSWORD_AUTH',
        AuthParameters: { USERNAME: user.email, PASSWORD: user.password },
      }),
    );
    await expect(ask).rejects.toThrow('not enabled for this client');
  });

  it('lies in no table as the user pool gave it', async () => {
    const user = await somebody('developer');
    const [, name] = user.refreshToken.split('_');
    const Key = { pk: `session#${name}`, sk: '-' };
    const { Item } = await tables.send(new GetCommand({ TableName: output('EphemeraTableName'), Key }));
    expect(Item).toMatchObject({ user_id: user.user_id, ended: false, second_factor: false });
    // What the emulator gives begins like any JSON Web Token.
    const sealed = String(Item?.provider_refresh_token);
    expect(sealed.length).toBeGreaterThan(100);
    expect(Buffer.from(sealed, 'base64url').toString('latin1') + sealed).not.toContain('eyJ');
  });

  it('ends for everybody when a used refresh token comes again, which is written down', async () => {
    const admin = await as('admin');
    const user = await somebody('developer');
    const socket = await connected(user);
    const closed = once(socket, 'close');
    let newest = user.refreshToken;
    let token = user.token;
    for (let times = 0; times < 3; times += 1) {
      const { body } = await refresh(newest);
      [newest, token] = [body.refresh_token, body.access_token];
    }
    expect((await refresh(user.refreshToken)).status).toBe(401);
    for (const access of [user.token, token]) expect(await isIn(clientOf(access))).toBe(401);
    expect((await refresh(newest)).status).toBe(401);
    await closed;
    const { body } = await admin.call<{ events: { user_id: string; severity: string }[] }>(
      'GET',
      `/api/v1/security/events?event_type=credential_copied`,
    );
    expect(body.events.find(({ user_id }) => user_id === user.user_id)).toMatchObject({ severity: 'high' });
  });

  it('is not enough for a role that came later and wants a second factor', async () => {
    const admin = await as('admin');
    const user = await somebody('developer');
    const given = await admin.call('PATCH', `/api/v1/users/${user.user_id}`, { roles: ['operator'], reason: 'promoted' });
    expect(given.status).toBe(200);
    const used = await user.call('GET', '/api/v1/me');
    expect(problemOf(used)).toMatchObject({ status: 401, detail: expect.stringContaining('wants a second factor') });
    expect(problemOf(await refresh(user.refreshToken))).toMatchObject({ detail: expect.stringContaining('second factor') });
    expect((await login(user)).body).toMatchObject({ challenge: 'set_up_mfa' });
  });

  it('goes on by refresh tokens that work once', async () => {
    const user = await somebody('developer');
    const second = await refresh(user.refreshToken);
    expect(second.status).toBe(200);
    expect(await isIn(clientOf(second.body.access_token))).toBe(200);
    // An answer that was lost is given again for a moment; that makes the one before it old.
    const repeated = await refresh(user.refreshToken);
    expect(repeated.status).toBe(200);
    expect((await refresh(repeated.body.refresh_token)).status).toBe(200);
  });

  it('is not prolonged or ended by guesses', async () => {
    const user = await somebody('developer');
    const [, name] = user.refreshToken.split('_');
    expect((await refresh(`alr_${name}_${'x'.repeat(86)}`)).status).toBe(401);
    expect((await refresh(`alr_${randomUUID()}_${'x'.repeat(86)}`)).status).toBe(401);
    expect((await refresh(user.refreshToken)).status).toBe(200);
    expect(problemOf(await refresh('not one of ours'))).toMatchObject({ status: 422, errors: [{ field: 'body.refresh_token' }] });
  });

  it('ends at once, with its access token, when its holder signs out; others of the same person go on', async () => {
    const user = await somebody('developer');
    const other = (await login(user)).body;
    expect((await user.call('POST', '/api/v1/auth/logout')).status).toBe(200);
    expect(await isIn(user)).toBe(401);
    expect((await refresh(user.refreshToken)).status).toBe(401);
    expect(await isIn(clientOf(other.access_token))).toBe(200);
    expect((await refresh(other.refresh_token)).status).toBe(200);
  });

  it('ends with all others when its holder, or an admin, says so; signing in again works at once', async () => {
    const admin = await as('admin');
    const user = await somebody('developer');
    const end = [
      (client: Client) => client.call('POST', '/api/v1/auth/revoke'),
      () => admin.call('PATCH', `/api/v1/users/${user.user_id}`, { sign_out: true, reason: 'lost a phone' }),
    ];
    let now: { token: string; refreshToken: string } = user;
    for (const revoke of end) {
      const { body: other } = await login(user);
      expect((await revoke(clientOf(now.token))).status).toBe(200);
      for (const token of [now.token, other.access_token]) expect(await isIn(clientOf(token))).toBe(401);
      for (const token of [now.refreshToken, other.refresh_token]) expect((await refresh(token)).status).toBe(401);
      const again = await login(user);
      expect(await isIn(clientOf(again.body.access_token))).toBe(200);
      now = { token: again.body.access_token, refreshToken: again.body.refresh_token };
    }
  });

  it('ends at the user pool too, whoever says so', async () => {
    const admin = await as('admin');
    const pool = { UserPoolId: output('UserPoolId'), ClientId: output('UserPoolClientId') };
    const user = await somebody('developer');
    const ways = [
      (client: Client) => client.call('POST', '/api/v1/auth/revoke'),
      () => {
        const about = { subject: { user_id: user.user_id }, reason: 'looks odd', minutes: 1 };
        return admin.call('POST', '/api/v1/security/responses', { kind: 'require_sign_in', ...about });
      },
    ];
    for (const end of ways) {
      const { body } = await login(user);
      const AuthParameters = { USERNAME: user.email, PASSWORD: user.password };
      const held = await cognito.send(
        new AdminInitiateAuthCommand({ ...pool, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', AuthParameters }),
      );
      const goOn = () =>
        cognito.send(
          new AdminInitiateAuthCommand({
            ...pool,
            AuthFlow: 'REFRESH_TOKEN_AUTH',
            AuthParameters: { REFRESH_TOKEN: held.AuthenticationResult?.RefreshToken ?? '' },
          }),
        );
      await goOn();
      expect((await end(clientOf(body.access_token))).status).toBeLessThan(300);
      const refused = () =>
        goOn().then(
          () => false,
          (error: Error) => error.name === 'NotAuthorizedException',
        );
      await expect.poll(refused, { timeout: 10_000 }).toBe(true);
    }
  });

  it('ends by its refresh token, whoever found it; the answer says nothing of the token', async () => {
    const user = await somebody('developer');
    const revoke = (refresh_token: string) => call('POST', '/api/v1/auth/revoke-token', { refresh_token });
    const madeUp = `alr_${randomUUID()}_${'x'.repeat(86)}`;
    const answers = [await revoke(madeUp), await revoke(user.refreshToken), await revoke(user.refreshToken)];
    expect(answers.map(({ status: code, body }) => [code, body])).toEqual(answers.map(() => [200, { valid: false }]));
    expect(await isIn(user)).toBe(401);
    expect((await refresh(user.refreshToken)).status).toBe(401);
  });

  it('of a disabled user ends, and cannot be begun again', async () => {
    const admin = await as('admin');
    const user = await somebody('developer');
    await admin.call('PATCH', `/api/v1/users/${user.user_id}`, { disabled: true, reason: 'left' });
    expect(await isIn(user)).toBe(401);
    expect((await refresh(user.refreshToken)).status).toBe(401);
    const refused = await login(user);
    const unknown = await login({ email: 'nobody@airlock.test', password: 'Al1-whatever-it-is' });
    const said = ({ status: code, body }: Answer<object>) => [code, { ...body, request_id: '' }];
    expect(said(refused)).toEqual(said(unknown));
  });
});

describe('an open connection', () => {
  it('is closed when its holder signs out, is disabled, or loses the key it was opened with; that of others stays', async () => {
    const admin = await as('admin');
    const [leaver, disabled, owner, other] = await Promise.all(['1', '2', '3', '4'].map(() => somebody('developer')));
    if (!leaver || !disabled || !owner || !other) throw new Error('too few people');
    const made = await owner.call<{ key: string; api_key: { key_id: string } }>('POST', '/api/v1/api-keys', { name: 'x' });
    const [a, b, c, d] = await Promise.all([leaver, disabled, clientOf(made.body.key), other].map((client) => connected(client)));
    if (!a || !b || !c || !d) throw new Error('too few connections');
    const closed = Promise.all([a, b, c].map((socket) => once(socket, 'close')));
    await leaver.call('POST', '/api/v1/auth/logout');
    await admin.call('PATCH', `/api/v1/users/${disabled.user_id}`, { disabled: true, reason: 'left' });
    await owner.call('DELETE', `/api/v1/api-keys/${made.body.api_key.key_id}`);
    await closed;
    expect(d.readyState).toBe(WebSocket.OPEN);
    d.close();
  });
});
