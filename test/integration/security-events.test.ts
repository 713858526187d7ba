import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { AuditRecord } from '../../functions/contracts/audit.ts';
import type { ServerFrame } from '../../functions/contracts/live.ts';
import type { SecurityEvent, SecurityResponse } from '../../functions/contracts/security-event.ts';
import { configurationOf } from '../../functions/core/policy/configuration.ts';
import { accountDigest } from '../../functions/core/security/events.ts';
import { type Answer, as, type Client, call, clientOf, problemOf, status, submit, until } from '../support/airlock.ts';
import { configuration } from '../support/configuration.ts';
import { functionNamed, invoke, lambda, output, tables } from '../support/faults.ts';
import { mailTo } from '../support/inbox.ts';
import { newUser, signInWith, somebody } from '../support/people.ts';

type Events = { events: SecurityEvent[]; next_cursor: string | null };

const eventsOf = async (query: string): Promise<SecurityEvent[]> => {
  const admin = await as('admin');
  const from = new Date(Date.now() - 600_000).toISOString();
  return (await admin.call<Events>('GET', `/api/v1/security/events?from=${from}&limit=200&${query}`)).body.events;
};
const respond = async (body: object): Promise<Answer<SecurityResponse>> =>
  (await as('admin')).call('POST', '/api/v1/security/responses', body);
const reverse = async ({ response_id }: SecurityResponse): Promise<Answer<SecurityResponse>> =>
  (await as('admin')).call('POST', `/api/v1/security/responses/${response_id}/reverse`, { reason: 'a mistake' });
const meOf = async (client: Client) => (await client.call('GET', '/api/v1/me')).status;

describe('what is noticed', () => {
  it('are refusals, with who, where and how often, and never an e-mail address', async () => {
    const user = await somebody('viewer');
    for (let n = 0; n < 3; n += 1) await user.call('POST', '/api/v1/execute', { language: 'python', code: '1' });
    const denied = await eventsOf(`event_type=permission_denied&user_id=${user.user_id}`);
    expect(denied.reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(denied[0]).toMatchObject({ endpoint: 'execute', source_ip: '127.0.0.1', severity: 'low' });

    const email = `victim-${randomUUID()}@airlock.test`;
    await call('POST', '/api/v1/auth/login', { email, password: 'Al1-not-the-right-one' });
    const failures = (await eventsOf('event_type=authentication_failure')).filter(({ endpoint }) => endpoint === 'login');
    expect(failures.length).toBeGreaterThan(0);
    expect(JSON.stringify(failures)).not.toContain('victim');
    expect(failures[0]?.details.account).toEqual(expect.any(String));
  });

  it('is for those who may read it, within limits that are named', async () => {
    expect((await (await as('viewer')).call('GET', '/api/v1/security/events')).status).toBe(403);
    const admin = await as('admin');
    const wide = await admin.call('GET', '/api/v1/security/events?from=2020-01-01T00:00:00Z');
    expect(problemOf(wide)).toMatchObject({ status: 422, errors: [{ field: 'query.from' }] });
    expect((await (await somebody('operator')).call('GET', '/api/v1/security/responses')).status).toBe(200);
  });

  it('a caller who tries door after door stands out, and is slowed down without anybody’s doing', async () => {
    const user = await somebody([]);
    const doors = [
      'users',
      'audit',
      'executions',
      'approvals',
      'security/events',
      'security/responses',
      'security/rate-limits?address=203.0.113.1',
    ];
    for (const door of doors) await user.call('GET', `/api/v1/${door}`);
    const posts = [
      'execute',
      'files',
      'ws/tickets',
      'security/responses',
      'security/rate-limits/reset',
      'approvals/rules/dry-run',
    ];
    for (const door of posts) await user.call('POST', `/api/v1/${door}`, {});
    const id = '01900000-0000-7000-8000-000000000000';
    for (const path of [`executions/exec_${id}`, `executions/exec_${id}/events`, `executions/exec_${id}/files/x`, `users/${id}`])
      await user.call('GET', `/api/v1/${path}`);
    for (const path of [`executions/exec_${id}/cancel`, `approvals/apr_${id}/decision`, `security/responses/rsp_${id}/reverse`])
      await user.call('POST', `/api/v1/${path}`, {});
    await user.call('PATCH', `/api/v1/users/${id}`, {});
    await invoke('events/security-monitor', {});
    const seen = await until('the anomaly', async () => {
      const found = (await eventsOf(`event_type=suspicious_activity&user_id=${user.user_id}`)).find(
        ({ endpoint }) => endpoint === 'permission_probing',
      );
      return found ?? null;
    });
    expect(seen.severity).toBe('medium');
    const admin = await as('admin');
    const { body } = await admin.call<{ responses: SecurityResponse[] }>('GET', '/api/v1/security/responses?limit=200');
    const slowed = body.responses.find(({ subject }) => subject.user_id === user.user_id);
    expect(slowed).toMatchObject({ kind: 'slow_down', automatic: true, created_by: 'airlock' });
    if (slowed) expect((await reverse(slowed)).body.reversed_at).toEqual(expect.any(String));
  });

  it('is a wrong code, with the account it was for, as a wrong password is', async () => {
    const user = await newUser('operator');
    const login = { email: user.email, password: user.password };
    const { body } = await call<{ challenge_id: string }>('POST', '/api/v1/auth/login', login);
    const wrong = await call('POST', '/api/v1/auth/challenge', { challenge_id: body.challenge_id, code: '000000' });
    expect(problemOf(wrong).detail).toBe('These credentials are not valid.');
    expect(JSON.stringify(wrong.body)).not.toContain(user.email);
    const failures = await eventsOf('event_type=authentication_failure');
    const ofAccount = failures.filter(({ details }) => details.account === accountDigest(user.email));
    expect(ofAccount.map(({ endpoint }) => endpoint)).toEqual(['answerChallenge']);
  });

  it('is a refresh token that was copied: its session ends at once, and then the others of its owner', async () => {
    const user = await somebody('developer');
    const other = { ...user, call: clientOf((await signInWith(user)).access_token).call };
    expect((await call('POST', '/api/v1/auth/refresh', { refresh_token: user.refreshToken })).status).toBe(200);
    const session = user.refreshToken.split('_')[1] ?? '';
    await tables.send(
      new UpdateCommand({
        TableName: output('EphemeraTableName'),
        Key: { pk: `session#${session}`, sk: '-' },
        UpdateExpression: 'SET rotated_at = :long_ago',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeValues: { ':long_ago': new Date(Date.now() - 60_000).toISOString() },
      }),
    );
    expect((await call('POST', '/api/v1/auth/refresh', { refresh_token: user.refreshToken })).status).toBe(401);
    expect(await meOf({ ...user, call: clientOf(user.token).call })).toBe(401);
    expect(await meOf(other)).toBe(200);
    await invoke('events/security-monitor', {});
    const [seen] = await eventsOf(`event_type=credential_copied&user_id=${user.user_id}`);
    expect(seen).toMatchObject({ severity: 'high', endpoint: 'refresh' });
    await until('the end of the sessions', async () => (await meOf(other)) === 401, 5000);
    const mail = await mailTo(user.email, ({ text }) => text.includes('Your sessions were ended'));
    expect(mail.text).toContain(user.user_id);
  });

  it('is a key in a network it was never used in, also of IPv6: it is slowed down', async () => {
    const owner = await somebody('developer');
    const made = await owner.call<{ key: string; api_key: { key_id: string } }>('POST', '/api/v1/api-keys', { name: 'x' });
    const { key_id } = made.body.api_key;
    const digits = randomUUID().slice(0, 4).replace(/^0+/, '1');
    const from = await callingFrom({ 'x-api-key': made.body.key });
    for (const address of ['192.0.2.10', '192.0.2.99', `2001:db8:${digits}:2::1`])
      expect(await from(address)).toMatchObject({ statusCode: 200 });
    const seen = await eventsOf(`event_type=key_new_network&source_ip=2001:db8:${digits}:2::99`);
    expect(seen).toMatchObject([{ key_id, source_ip: `2001:db8:${digits}:2::/64`, count: 1 }]);
    expect(seen[0]?.details).toEqual({ network: `2001:db8:${digits}::/48` });
    await invoke('events/security-monitor', {});
    const { body } = await (await as('admin')).call<{ responses: SecurityResponse[] }>(
      'GET',
      '/api/v1/security/responses?limit=200',
    );
    expect(body.responses.filter(({ subject }) => subject.key_id === key_id)).toMatchObject([
      { kind: 'slow_down', automatic: true },
    ]);
  });
});

/** `GET /me` as if it came from an address: past the edge, with what only the edge knows. */
async function callingFrom(credential: Record<string, string>): Promise<(address: string) => Promise<Record<string, unknown>>> {
  const FunctionName = functionNamed('api/identity');
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const secret = Environment?.Variables?.FRONT_DOOR_SECRET ?? '';
  return (address) =>
    invoke('api/identity', {
      ...{ version: '2.0', routeKey: 'GET /api/v1/me', rawPath: '/api/v1/me', rawQueryString: '', isBase64Encoded: false },
      headers: { 'x-airlock-front-door': secret, 'x-airlock-client-address': address, ...credential },
      requestContext: { requestId: randomUUID(), http: { method: 'GET' } },
    });
}

const anyAddress = (): string => `198.18.${Math.floor(Math.random() * 256)}.${Math.floor(Math.random() * 256)}`;

async function connected(client: Client): Promise<{ socket: WebSocket; frames: ServerFrame[] }> {
  const clientId = `client-${randomUUID().slice(0, 8)}`;
  const { body } = await client.call<{ ticket: string }>('POST', '/api/v1/ws/tickets', { client_id: clientId });
  const socket = new WebSocket(`${status.ws_url}/${clientId}?ticket=${encodeURIComponent(body.ticket)}`);
  const frames: ServerFrame[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  await once(socket, 'open');
  return { socket, frames };
}

describe('an open connection', () => {
  it('is closed when its key is suspended, or its holder has to sign in again', async () => {
    const owner = await somebody('developer');
    const made = await owner.call<{ key: string; api_key: { key_id: string } }>('POST', '/api/v1/api-keys', { name: 'x' });
    const [byKey, own] = await Promise.all([connected(clientOf(made.body.key)), connected(owner)]);
    const isClosed = once(byKey.socket, 'close');
    const { key_id } = made.body.api_key;
    expect((await respond({ kind: 'suspend_key', subject: { key_id }, reason: 'leaked' })).status).toBe(201);
    await isClosed;
    expect(own.socket.readyState).toBe(WebSocket.OPEN);
    const isClosedToo = once(own.socket, 'close');
    await respond({ kind: 'require_sign_in', subject: { user_id: owner.user_id }, reason: 'a lost phone' });
    await isClosedToo;
  });

  it('stays, and follows no longer what its holder may no longer see', async () => {
    const [admin, viewer] = await Promise.all([as('admin'), somebody('viewer')]);
    const { execution_id } = await submit({ language: 'python', code: 'print(1)' });
    const { socket, frames } = await connected(viewer);
    const topic = `execution:${execution_id}`;
    socket.send(JSON.stringify({ action: 'subscribe', topic }));
    await until('the subscription', async () => frames.some(({ type }) => type === 'subscribed'));
    await admin.call('PATCH', `/api/v1/users/${viewer.user_id}`, { roles: ['developer'], reason: 'another job' });
    await until('the end of it', async () => frames.some((one) => one.type === 'unsubscribed' && one.topic === topic));
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.close();
    await admin.call('POST', `/api/v1/executions/${execution_id}/cancel`);
  });
});

it('an address is an admin’s where one signed in comes from it, and not where their key does', async () => {
  const admin = await somebody('admin');
  const made = await admin.call<{ key: string }>('POST', '/api/v1/api-keys', { name: 'x' });
  const isKnown = async (address: string) => {
    const Key = { pk: `admin-address#${address}`, sk: '-' };
    return (await tables.send(new GetCommand({ TableName: output('SecurityTableName'), Key }))).Item !== undefined;
  };
  const [ofKey, ofPerson] = [anyAddress(), anyAddress()];
  expect(await (await callingFrom({ 'x-api-key': made.body.key }))(ofKey)).toMatchObject({ statusCode: 200 });
  expect(await (await callingFrom({ authorization: `Bearer ${admin.token}` }))(ofPerson)).toMatchObject({ statusCode: 200 });
  expect([await isKnown(ofKey), await isKnown(ofPerson)]).toEqual([false, true]);
});

describe('a response', () => {
  it('makes each request of an address count for several, or for none at all', async () => {
    const user = await somebody('viewer');
    const from = await callingFrom({ authorization: `Bearer ${user.token}` });
    const { burst_limit: burst } = configurationOf(configuration, 'local').security.rate_limiting.per_address;
    const leftAt = async (address: string) => {
      const { headers } = await from(address);
      return Number(/"per_address";r=(\d+)/.exec(JSON.stringify(headers).replaceAll('\\', ''))?.[1]);
    };
    const [slowed, blocked] = [anyAddress(), anyAddress()];
    expect(await leftAt(slowed)).toBe(burst - 1);
    const slowing = await respond({ kind: 'slow_down', subject: { address: slowed }, reason: 'too fast' });
    await respond({ kind: 'block_address', subject: { address: blocked }, reason: 'an attack' });
    await until('the slowing down', async () => (await leftAt(slowed)) <= burst - 4, 5000);
    await until('the block', async () => (await from(blocked)).statusCode === 403, 5000);
    expect((await reverse(slowing.body)).status).toBe(200);
    await until('the end of the slowing down', async () => (await leftAt(slowed)) === burst - 1, 5000);
  });

  it('that blocks an address keeps out everybody but an admin who is signed in, and lets all in again once taken back', async () => {
    const [admin, viewer] = [await somebody('admin'), await somebody('viewer')];
    const made = await admin.call<{ key: string }>('POST', '/api/v1/api-keys', { name: 'x' });
    const people: [string, Record<string, string>, number, number][] = [
      ['an admin', { authorization: `Bearer ${admin.token}` }, 200, 200],
      ['a key of an admin', { 'x-api-key': made.body.key }, 403, 200],
      ['somebody else', { authorization: `Bearer ${viewer.token}` }, 403, 200],
      ['nobody', {}, 403, 401],
    ];
    const address = anyAddress();
    const response = await respond({ kind: 'block_address', subject: { address }, reason: 'a false alarm' });
    const statusOf = async (credential: Record<string, string>) => (await (await callingFrom(credential))(address)).statusCode;
    await until('the block', async () => (await statusOf({})) === 403, 5000);
    for (const [name, credential, during] of people) expect(await statusOf(credential), name).toBe(during);
    expect((await reverse(response.body)).status).toBe(200);
    // Each process may have it in mind for a second more.
    for (const [name, credential, , after] of people)
      await until(`the end of it for ${name}`, async () => (await statusOf(credential)) === after, 5000);
  });

  it('about a network of IPv6 is listed like any other, and its limits can be looked at', async () => {
    const digits = randomUUID().slice(0, 4).replace(/^0+/, '1');
    const made = await respond({ kind: 'block_address', subject: { address: `2001:db8:${digits}:8::5` }, reason: 'an attack' });
    const network = `2001:db8:${digits}:8::/64`;
    expect(made).toMatchObject({ status: 201, body: { subject: { address: network } } });
    const admin = await as('admin');
    const { body } = await admin.call<{ responses: SecurityResponse[] }>('GET', '/api/v1/security/responses?limit=200');
    expect(body.responses.map(({ response_id }) => response_id)).toContain(made.body.response_id);
    const limits = await admin.call('GET', `/api/v1/security/rate-limits?address=${encodeURIComponent(network)}`);
    expect(limits).toMatchObject({ status: 200, body: { subject: { kind: 'address', id: network } } });
    expect((await reverse(made.body)).status).toBe(200);
    const wrong = await admin.call('GET', '/api/v1/security/events?source_ip=2001:db8::/48');
    expect(problemOf(wrong)).toMatchObject({ status: 422, errors: [{ field: 'query.source_ip' }] });
  });

  it('that lets somebody begin anew is in the audit, with who asked for it', async () => {
    const [operator, auditor] = await Promise.all([somebody('operator'), somebody('auditor')]);
    const subject = { user_id: operator.user_id };
    expect((await operator.call('POST', '/api/v1/security/rate-limits/reset', subject)).status).toBe(200);
    const { body } = await auditor.call<{ records: AuditRecord[] }>(
      'GET',
      `/api/v1/audit?action=limits_reset&actor=${operator.user_id}`,
    );
    expect(body.records).toMatchObject([{ action: 'limits_reset', details: { kind: 'user_id', subject: operator.user_id } }]);
  });

  it('suspends a key within a second or so, until it is taken back', async () => {
    const owner = await somebody('developer');
    const made = await owner.call<{ key: string; api_key: { key_id: string } }>('POST', '/api/v1/api-keys', { name: 'x' });
    const holder = clientOf(made.body.key);
    expect(await meOf(holder)).toBe(200);
    const { key_id } = made.body.api_key;
    const response = await respond({ kind: 'suspend_key', subject: { key_id }, reason: 'seen in a public repository' });
    expect(response.status).toBe(201);
    await until('the suspension', async () => (await meOf(holder)) === 401, 5000);
    expect((await reverse(response.body)).status).toBe(200);
    await until('the end of it', async () => (await meOf(holder)) === 200, 5000);
  });

  it('makes somebody sign in again, and that holds', async () => {
    const user = await somebody('developer');
    const response = await respond({ kind: 'require_sign_in', subject: { user_id: user.user_id }, reason: 'a lost phone' });
    expect(response.status).toBe(201);
    expect(await meOf(user)).toBe(401);
    expect((await reverse(response.body)).status).toBe(200);
    expect(await meOf(user)).toBe(401);
    const { response_id } = response.body;
    for (const type of ['security_response', 'response_reversed'])
      expect(await eventsOf(`event_type=${type}&user_id=${user.user_id}`), type).toMatchObject([
        { endpoint: 'require_sign_in', severity: 'medium', source_ip: '127.0.0.1', details: { response_id, automatic: false } },
      ]);
  });

  it('is refused where it cannot be, and where it would hit the one who asks', async () => {
    const cases: [object, string][] = [
      [{ kind: 'block_address', subject: { address: '127.0.0.1' }, reason: 'x' }, 'body.subject.address'],
      [{ kind: 'block_address', subject: { user_id: 'somebody' }, reason: 'x' }, 'body.subject'],
      [{ kind: 'block_address', subject: { address: 'not an address' }, reason: 'x' }, 'body.subject.address'],
      [{ kind: 'nuke', subject: { address: '203.0.113.1' }, reason: 'x' }, 'body.kind'],
      [{ kind: 'slow_down', subject: {}, reason: 'x' }, 'body.subject'],
      [{ kind: 'slow_down', subject: { user_id: (await as('admin')).user_id }, reason: 'x' }, 'body.subject.user_id'],
    ];
    for (const [body, field] of cases) {
      const refused = await respond(body);
      expect(problemOf(refused), JSON.stringify(body)).toMatchObject({ status: 422, errors: [{ field }] });
    }
    expect((await (await somebody('operator')).call('POST', '/api/v1/security/responses', {})).status).toBe(403);
  });
});
