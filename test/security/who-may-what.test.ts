/** Every route with every kind of caller. The routes come from their contracts: a new one is in here the moment it exists. */
import { createPublicKey, randomUUID } from 'node:crypto';
import {
  AdminInitiateAuthCommand,
  CognitoIdentityProviderClient,
  CreateUserPoolClientCommand,
  CreateUserPoolCommand,
  InitiateAuthCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS, type Permission } from '../../functions/contracts/identity.ts';
import type { RouteContract } from '../../functions/contracts/route.ts';
import { ROUTES_OF_FUNCTION } from '../../functions/contracts/routes.ts';
import { formatKey } from '../../functions/core/identity/keys.ts';
import { type Answer, as, type Client, call, problemOf, status, userOf } from '../support/airlock.ts';
import { configuration } from '../support/configuration.ts';
import { output, settings, tables } from '../support/faults.ts';
import { createUser, somebody } from '../support/people.ts';
import { randomHex } from '../support/random.ts';
import { forgeriesOf } from '../support/tokens.ts';

/** Pages answer browsers in their own way: see pages.test.ts. */
const routes = (Object.values(ROUTES_OF_FUNCTION).flat() as readonly RouteContract[]).filter((route) => !route.page);
const guarded = routes.filter((route) => route.permission !== 'public');
const roles = Object.keys(configuration.security.authorization.roles);
const cognito = new CognitoIdentityProviderClient(settings);

/** Ids of the right form that nobody has. */
const UNKNOWN = '01900000-0000-7000-8000-000000000000';
const pathOf = ({ path }: RouteContract): string =>
  path.replace(/\{(\w+?)_id\}/g, (_, name: string) => {
    if (name === 'standing_approval') return `std_${'0'.repeat(64)}`;
    const prefixes: Record<string, string> = { execution: 'exec_', approval: 'apr_', file: 'file_', response: 'rsp_', user: '' };
    if (name === 'key') return `key_${'0'.repeat(24)}`;
    return `${prefixes[name] ?? `${name}_`}${UNKNOWN}`;
  });

const send = (route: RouteContract, headers: Record<string, string> = {}, origin = status.url): Promise<Answer<unknown>> =>
  call(route.method, pathOf(route), route.body ? { no_such_field: true } : undefined, headers, origin);

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const keyOf = async (owner: Client, permissions?: readonly Permission[]): Promise<{ key: string; id: string }> => {
  const answer = await owner.call<{ key: string; api_key: { key_id: string } }>('POST', '/api/v1/api-keys', {
    ...{ name: 'matrix', ...(permissions ? { permissions } : {}) },
  });
  if (answer.status !== 201) throw new Error(`making a key answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return { key: answer.body.key, id: answer.body.api_key.key_id };
};

/** A few at a time: one at a time is slow, all at once is another test. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}

/** A refusal says what to do and nothing else. */
function expectRefusal(answer: Answer<unknown>, expected: number, about: string): void {
  expect(answer.status, `${about}: ${JSON.stringify(answer.body)}`).toBe(expected);
  const fields = new Set(['type', 'title', 'status', 'detail', 'code', 'request_id', 'errors']);
  expect(
    Object.keys(problemOf(answer)).filter((field) => !fields.has(field)),
    about,
  ).toEqual([]);
  expect(answer.headers.get('cache-control'), about).toBe('no-store');
}

describe('a route that is not public', () => {
  const credentials: Record<string, Record<string, string>> = {
    'nothing at all': {},
    'an empty header': { authorization: '' },
    'something that is no token': bearer('letmein'),
    'another scheme': { authorization: 'Basic YWRtaW46YWRtaW4=' },
    'the cookie of nobody': { cookie: `airlock_session=${'x'.repeat(43)}` },
    'claims in headers of their own': { 'x-user-id': 'admin', 'x-airlock-user': 'admin', 'x-forwarded-user': 'admin' },
  };

  beforeAll(async () => {
    const admin = await as('admin');
    const { Item } = await tables.send(new GetCommand({ TableName: output('IdentityTableName'), Key: { identity_id: 'jwks' } }));
    const [jwk] = JSON.parse(String(Item?.jwks)).keys;
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
    for (const [name, token] of Object.entries(forgeriesOf(admin.token, publicKey)))
      credentials[`a token ${name}`] = bearer(token);

    const user = userOf('admin');
    const AuthParameters = { USERNAME: user.email, PASSWORD: user.password };
    const signIn = (ClientId: string) =>
      cognito.send(new InitiateAuthCommand({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters }));
    // Who knows a password cannot do this; only we can, and the pool's own admins.
    const ours = await cognito.send(
      new AdminInitiateAuthCommand({
        UserPoolId: output('UserPoolId'),
        ClientId: output('UserPoolClientId'),
        AuthFlow: 'ADMIN_USER_PASSWORD_AUTH',
        AuthParameters,
      }),
    );
    credentials['a token for a session that nobody opened here'] = bearer(ours.AuthenticationResult?.AccessToken ?? '');
    credentials['an id token instead of an access token'] = bearer(ours.AuthenticationResult?.IdToken ?? '');
    credentials['a refresh token'] = bearer(ours.AuthenticationResult?.RefreshToken ?? '');

    const clientOf = async (UserPoolId: string): Promise<string> => {
      const ExplicitAuthFlows = ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] as const;
      const made = await cognito.send(
        new CreateUserPoolClientCommand({
          UserPoolId,
          ClientName: `other-${randomUUID()}`,
          ExplicitAuthFlows: [...ExplicitAuthFlows],
        }),
      );
      return made.UserPoolClient?.ClientId ?? '';
    };
    const elsewhere = await signIn(await clientOf(output('UserPoolId')));
    credentials['a token made for another client of the pool'] = bearer(elsewhere.AuthenticationResult?.AccessToken ?? '');
    const { UserPool } = await cognito.send(new CreateUserPoolCommand({ PoolName: `other-${randomUUID()}` }));
    await createUser(UserPool?.Id ?? '', user);
    const foreign = await signIn(await clientOf(UserPool?.Id ?? ''));
    credentials['a token of another pool'] = bearer(foreign.AuthenticationResult?.AccessToken ?? '');

    const left = await somebody('admin');
    const leftKey = await keyOf(left);
    await admin.call('PATCH', `/api/v1/users/${left.user_id}`, { disabled: true, reason: 'left' });
    credentials['the key of a disabled user'] = bearer(leftKey.key);
    credentials['the token of a disabled user'] = bearer(left.token);
    const back = await somebody('admin');
    for (const disabled of [true, false])
      await admin.call('PATCH', `/api/v1/users/${back.user_id}`, { disabled, reason: 'lost a phone' });
    credentials['a token from before it was revoked'] = bearer(back.token);

    const revoked = await keyOf(admin);
    await admin.call('DELETE', `/api/v1/api-keys/${revoked.id}`);
    credentials['a revoked key'] = bearer(revoked.key);
    credentials['a revoked key in the other header'] = { 'x-api-key': revoked.key };
    const expired = await keyOf(admin);
    await tables.send(
      new UpdateCommand({
        TableName: output('IdentityTableName'),
        Key: { identity_id: expired.id },
        UpdateExpression: 'SET ends_at = :past',
        ExpressionAttributeValues: { ':past': new Date(Date.now() - 1).toISOString() },
      }),
    );
    credentials['an expired key'] = bearer(expired.key);
    const idDigits = (await keyOf(admin)).id.slice('key_'.length);
    credentials['the id of a key with another secret'] = bearer(formatKey(idDigits, randomHex(64)));
    credentials['a key nobody made'] = bearer(formatKey(randomHex(24), randomHex(64)));
    credentials['a mistyped key'] = { 'x-api-key': `${expired.key.slice(0, -1)}x` };
  });

  it.each(guarded.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s answers 401 to whoever is not signed in here',
    async (_, route) => {
      expect(Object.keys(credentials).length).toBeGreaterThan(25);
      await each(Object.entries(credentials), async ([name, headers]) => {
        const answer = await send(route, headers);
        expectRefusal(answer, 401, name);
        expect(answer.headers.get('www-authenticate'), name).toBe('Bearer');
      });
    },
  );

  it('answers each role what its permission says, and 403 without one', async () => {
    const people = new Map<string, Client>();
    for (const role of [...roles, 'nothing']) people.set(role, await somebody(role === 'nothing' ? [] : [role]));
    // These end the session they are called in.
    const ending = ['logout', 'revokeSessions'];
    const combinations = guarded
      .filter(({ id }) => !ending.includes(id))
      .flatMap((route) => [...people].map(([role, client]) => ({ route, role, client })));
    await each(combinations, async ({ route, role, client }) => {
      const answer = await send(route, bearer(client.token));
      const granted = configuration.security.authorization.roles[role] ?? [];
      const may = route.permission === 'signed_in' || granted.some((permission) => permission === route.permission);
      const about = `${role} at ${route.id}`;
      // About the cookie of a page, which nobody here came with.
      if (!may || route.id === 'getPageSession') return expectRefusal(answer, 403, about);
      // What is sent names things that do not exist, or has no meaning.
      if (route.body || route.query?.safeParse({}).success === false) return expectRefusal(answer, 422, about);
      if (route.params) return expectRefusal(answer, 404, about);
      expect(answer.status, about).toBe(200);
    });
    for (const id of ending) {
      const route = guarded.find((one) => one.id === id);
      if (!route) throw new Error(`there is no route ${id}`);
      expect((await send(route, bearer((await somebody([])).token))).status, id).toBe(200);
    }
  });

  it('answers a key what its permissions say: with the one that is asked for, and with all but that one', async () => {
    const admin = await as('admin');
    const asked = PERMISSIONS.filter(
      (permission) => permission !== 'approve' && guarded.some((route) => route.permission === permission),
    );
    for (const permission of asked) {
      const others = PERMISSIONS.filter((one) => one !== permission && one !== 'approve');
      const [only, without] = await Promise.all([keyOf(admin, [permission]), keyOf(admin, others)]);
      await each(
        guarded.filter((route) => route.permission === permission),
        async (route) => {
          expectRefusal(await send(route, bearer(without.key)), 403, `all but ${permission} at ${route.id}`);
          const answer = await send(route, bearer(only.key));
          const empty = route.body || route.query?.safeParse({}).success === false ? 422 : route.params ? 404 : 200;
          expect(answer.status, `${permission} at ${route.id}: ${JSON.stringify(answer.body)}`).toBe(empty);
        },
      );
    }
    const all = await keyOf(admin);
    const deciding = guarded.filter((route) => route.permission === 'approve');
    expect(deciding.length).toBeGreaterThan(0);
    await each(deciding, async (route) => expectRefusal(await send(route, bearer(all.key)), 403, route.id));
  });

  it.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s answers nobody who comes round the front door',
    async (_, route) => {
      const { token } = await as('admin');
      const origin = `${status.emulator_url}/_aws/execute-api/${output('HttpApiId')}/$default`;
      for (const headers of [bearer(token), { ...bearer(token), 'x-airlock-front-door': 'guess' }]) {
        expectRefusal(await send(route, headers, origin), 403, 'around the front door');
      }
    },
  );
});

/** What strangers are told of a thing is in of-others.test.ts. */
describe('what belongs to others', () => {
  it('is seen by the team and by nobody of another, in lists as one by one', async () => {
    const admin = await as('admin');
    const team = `team-${randomUUID().slice(0, 8)}`;
    const join = (member: Client, teams: string[]) =>
      admin.call('PATCH', `/api/v1/users/${member.user_id}`, { teams, reason: 'works there' });
    const [owner, mate, other] = await Promise.all([somebody('developer'), somebody('viewer'), somebody('viewer')]);
    await Promise.all([join(owner, [team]), join(mate, [team]), join(other, [`${team}-2`])]);
    const label = `team-${randomUUID()}`;
    const submitted = await owner.call<{ execution_id: string; team: string }>('POST', '/api/v1/execute', {
      ...{ language: 'python', code: 'print(1)', label },
    });
    expect(submitted.body.team).toBe(team);
    const seen = async (reader: Client) => {
      const one = await reader.call('GET', `/api/v1/executions/${submitted.body.execution_id}`);
      const list = await reader.call<{ executions: unknown[] }>('GET', `/api/v1/executions?label=${label}`);
      return [one.status, list.body.executions.length];
    };
    expect(await seen(mate)).toEqual([200, 1]);
    expect(await seen(other)).toEqual([404, 0]);
    expect(await seen(await somebody('auditor'))).toEqual([200, 1]);
    const refused = await owner.call('POST', '/api/v1/execute', { language: 'python', code: '1', team: `${team}-2` });
    expect(refused.status).toBe(422);
    expect(problemOf(refused).errors).toMatchObject([{ field: 'body.team' }]);
  });
});

describe('a change of who somebody is', () => {
  const permissionsOf = async (client: Client) =>
    (await client.call<{ permissions: string[] }>('GET', '/api/v1/me')).body.permissions;

  it('holds from the next request on, with the token they have', async () => {
    const admin = await as('admin');
    const user = await somebody('developer');
    expect(await permissionsOf(user)).toContain('execute_code');
    await admin.call('PATCH', `/api/v1/users/${user.user_id}`, { roles: ['viewer'], reason: 'moved' });
    expect(await permissionsOf(user)).toEqual(['read_state', 'view_results']);
    const execute = await user.call('POST', '/api/v1/execute', { language: 'python', code: 'print(1)' });
    expect(execute.status).toBe(403);
  });

  it('is refused for roles that do not exist, and for the last admin', async () => {
    const admin = await as('admin');
    const user = await somebody('viewer');
    const unknown = await admin.call('PATCH', `/api/v1/users/${user.user_id}`, { roles: ['root'], reason: 'x' });
    expect(unknown.status).toBe(422);
    expect(problemOf(unknown).errors).toMatchObject([{ field: 'body.roles', received: 'root' }]);
    const nothing = await admin.call('PATCH', `/api/v1/users/${user.user_id}`, { reason: 'x' });
    expect(nothing.status).toBe(422);
  });

  it('is not taken from what a request says about itself', async () => {
    const user = await somebody('developer');
    const claims = { 'x-airlock-roles': 'admin', 'x-airlock-client-address': '127.0.0.1', 'x-user-id': 'someone' };
    const answer = await user.call<{ user_id: string; roles: string[] }>('GET', '/api/v1/me', undefined, claims);
    expect(answer.body).toMatchObject({ user_id: user.user_id, roles: ['developer'] });
    const body = { language: 'python', code: 'print(1)', requester: { user_id: 'someone' } };
    expect((await user.call('POST', '/api/v1/execute', body)).status).toBe(422);
  });
});
