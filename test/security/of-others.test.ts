/**
 * What belongs to others, on every route that names a thing: whoever may not see it gets the very answer that a thing nobody has gets.
 * The routes come from their contracts; one that names a thing and is not made ready for here fails.
 */
import { randomUUID } from 'node:crypto';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { beforeAll, describe, expect, it } from 'vitest';
import type { StandingApproval } from '../../functions/contracts/approval.ts';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import type { RouteContract } from '../../functions/contracts/route.ts';
import { ROUTES_OF_FUNCTION } from '../../functions/contracts/routes.ts';
import type { SecurityResponse } from '../../functions/contracts/security-event.ts';
import { type Answer, as, type Client, call, clientOf, until } from '../support/airlock.ts';
import { output, tables } from '../support/faults.ts';
import { type Person, somebody } from '../support/people.ts';

const guarded = (Object.values(ROUTES_OF_FUNCTION).flat() as readonly RouteContract[]).filter(
  (route) => !route.page && route.permission !== 'public',
);
const naming = guarded.filter((route) => route.params);

/** What each route takes, so that only whose thing it is can be the reason for a refusal. */
const BODIES: Readonly<Record<string, object | null>> = {
  getExecution: null,
  getEvents: null,
  getFile: null,
  cancelExecution: { reason: 'not mine' },
  getApproval: null,
  decideApproval: { decision: 'deny', digest: 'a'.repeat(64), rationale: 'not mine' },
  delegateApproval: { to: randomUUID() },
  commentOnApproval: { text: 'not mine' },
  withdrawApproval: {},
  listNotifications: null,
  revokeStandingApproval: {},
  rotateApiKey: null,
  revokeApiKey: null,
  getUser: null,
  updateUser: { teams: [], reason: 'not mine' },
  reverseResponse: { reason: 'not mine' },
};

type Ids = Readonly<Record<string, string>>;
const pathOf = ({ path }: RouteContract, ids: Ids): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const id = ids[name];
    if (id === undefined) throw new Error(`no thing of the kind ${name} was made ready`);
    return id;
  });

const UNKNOWN = '01900000-0000-7000-8000-000000000000';
const NOBODYS: Ids = {
  ...{ execution_id: `exec_${UNKNOWN}`, file_id: '99', approval_id: `apr_${UNKNOWN}`, response_id: `rsp_${UNKNOWN}` },
  ...{ standing_approval_id: `std_${'0'.repeat(64)}`, key_id: `key_${'0'.repeat(24)}`, user_id: UNKNOWN },
};

let theirs: Ids;
interface Stranger {
  readonly client: Client;
  readonly permissions: readonly string[];
}
const strangers = new Map<string, Stranger>();
const may = ({ permissions }: Stranger, { permission }: RouteContract): boolean =>
  permission === 'signed_in' || permissions.includes(permission);

const answered = <T>({ status, body }: Answer<T>, expected: number): T => {
  if (status !== expected) throw new Error(`answered ${status}: ${JSON.stringify(body)}`);
  return body;
};

/** A run that is over, with a file; one that waits; a standing approval; a key; a response: all of one person of one team. */
async function thingsOf(owner: Person, approver: Person): Promise<Ids> {
  const code = 'open("output/a.txt", "w").write("x")';
  const submit = async (program: string) =>
    answered(
      await owner.call<ExecutionResult>('POST', '/api/v1/execute', {
        ...{ language: 'python', code: program, label: 'nightly', team: 'red', approval_required: true },
      }),
      202,
    );
  const [done, waiting] = [await submit(code), await submit('print("waits")')];
  const opened = (path: string) => until(`the request ${path}`, async () => (await approver.call('GET', path)).status === 200);
  const path = `/api/v1/approvals/${done.approval_id}`;
  await opened(path);
  await opened(`/api/v1/approvals/${waiting.approval_id}`);
  await tables.send(
    new UpdateCommand({
      ...{ TableName: output('ApprovalsTableName'), Key: { approval_id: done.approval_id } },
      ...{ UpdateExpression: 'SET #rule.standing_approvals = :some', ExpressionAttributeNames: { '#rule': 'rule' } },
      ExpressionAttributeValues: { ':some': { max_runs: 5, max_days: 1 } },
    }),
  );
  answered(
    await approver.call('POST', `${path}/decision`, { decision: 'approve', digest: done.digest, standing: { runs: 2 } }),
    200,
  );
  const standing = await until('the standing approval', async () => {
    const { body } = await approver.call<{ standing_approvals: StandingApproval[] }>('GET', '/api/v1/approvals/standing');
    return body.standing_approvals.find(({ granted_by }) => granted_by === done.approval_id);
  });
  const finished = await until('the end of the run', async () => {
    const { body } = await owner.call<ExecutionResult>('GET', `/api/v1/executions/${done.execution_id}`);
    return body.phase === 'done' && body;
  });
  const key = answered(await owner.call<{ api_key: { key_id: string } }>('POST', '/api/v1/api-keys', { name: 'theirs' }), 201);
  const admin = await as('admin');
  const response = answered(
    await admin.call<SecurityResponse>('POST', '/api/v1/security/responses', {
      ...{ kind: 'slow_down', subject: { address: '198.51.100.77' }, reason: 'a test', minutes: 1 },
    }),
    201,
  );
  return {
    execution_id: done.execution_id,
    file_id: finished.files_created[0]?.file_id ?? '',
    approval_id: waiting.approval_id ?? '',
    standing_approval_id: standing.standing_approval_id,
    key_id: key.api_key.key_id,
    user_id: owner.user_id,
    response_id: response.response_id,
  };
}

beforeAll(async () => {
  const admin = await as('admin');
  const inTeams = async (roles: readonly string[], teams: readonly string[]): Promise<Person> => {
    const person = await somebody(roles);
    answered(await admin.call('PATCH', `/api/v1/users/${person.user_id}`, { teams, reason: 'works there' }), 200);
    return person;
  };
  const keyOf = async (owner: Client, more: object = {}): Promise<Client> =>
    clientOf(answered(await owner.call<{ key: string }>('POST', '/api/v1/api-keys', { name: 'x', ...more }), 201).key);

  const owner = await inTeams(['developer'], ['red', 'green']);
  const approver = await inTeams(['approver'], ['red']);
  theirs = await thingsOf(owner, approver);
  const other = await inTeams(['developer', 'approver'], ['blue']);
  const people: Record<string, Client> = {
    'another developer': await somebody('developer'),
    'whoever runs and approves for another team': other,
    'a viewer of another team': await inTeams(['viewer'], ['blue']),
    'somebody without a role': await somebody([]),
    'a key of another team': await keyOf(other),
    'a key of the owner for another label': await keyOf(owner, { resources: { labels: ['daily'] } }),
    'a key of the owner for another environment': await keyOf(owner, { resources: { environments: ['nodejs'] } }),
    'a key of the owner for another of their teams': await keyOf(owner, { resources: { teams: ['green'] } }),
  };
  for (const [name, client] of Object.entries(people)) {
    const { permissions } = answered(await client.call<{ permissions: string[] }>('GET', '/api/v1/me'), 200);
    strangers.set(name, { client, permissions });
  }
});

describe('what belongs to others', () => {
  it('is made ready for on every route that names a thing', () => {
    expect(naming.map(({ id }) => id).sort()).toEqual(Object.keys(BODIES).sort());
    for (const [name, id] of Object.entries(theirs)) expect(id, name).not.toBe('');
  });

  it.each(naming.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s answers strangers about it as about what nobody has',
    async (_, route) => {
      const ask = (client: Client, ids: Ids) =>
        client.call<object>(route.method, pathOf(route, ids), BODIES[route.id] ?? undefined);
      const said = ({ body }: Answer<object>) => ({ ...body, request_id: '' });
      const compare = async ([name, stranger]: [string, Stranger]) => {
        const [real, none] = [await ask(stranger.client, theirs), await ask(stranger.client, NOBODYS)];
        expect(real.status, name).toBe(may(stranger, route) ? 404 : 403);
        expect(said(real), name).toEqual(said(none));
        const text = JSON.stringify(real.body);
        for (const [kind, id] of Object.entries(theirs))
          if (kind !== 'file_id') expect(text.includes(id), `${name} reads ${kind}`).toBe(false);
      };
      await Promise.all([...strangers].map(compare));
    },
  );

  it('is in no list and in no other answer without a name that strangers get', async () => {
    const listing = guarded.filter(({ id, method, params }) => method === 'GET' && !params && id !== 'getPageSession');
    expect(listing.length).toBeGreaterThan(8);
    const look = async ([name, stranger]: [string, Stranger]) => {
      // What they may not ask at all is refused, as the matrix of permissions has it.
      for (const route of listing.filter((one) => may(stranger, one))) {
        const text = JSON.stringify((await stranger.client.call(route.method, route.path)).body);
        const isOwners = name.includes('of the owner');
        const hidden = Object.entries(theirs).filter(([kind]) => kind !== 'file_id' && !(isOwners && kind === 'user_id'));
        for (const [kind, id] of hidden) expect(text.includes(id), `${name} lists ${kind} at ${route.id}`).toBe(false);
      }
    };
    await Promise.all([...strangers].map(look));
  });

  it('is still as it was', async () => {
    const admin = await as('admin');
    const { body } = await admin.call<{ status: string; comments: unknown[]; delegations: unknown[] }>(
      'GET',
      `/api/v1/approvals/${theirs.approval_id}`,
    );
    expect(body).toMatchObject({ status: 'open', comments: [], delegations: [] });
    const keys = await admin.call<{ api_keys: { key_id: string; status: string }[] }>(
      'GET',
      `/api/v1/api-keys?user_id=${theirs.user_id}`,
    );
    expect(keys.body.api_keys.find(({ key_id }) => key_id === theirs.key_id)).toMatchObject({ status: 'active' });
  });
});

describe('a link to a file', () => {
  it('is for that file, for reading, and given to nobody who may not read the run', async () => {
    const admin = await as('admin');
    const path = `/api/v1/executions/${theirs.execution_id}/files/${theirs.file_id}`;
    const { status, body } = await admin.call<{ url: string; expires_in_seconds: number }>('GET', path);
    expect([status, body.expires_in_seconds]).toEqual([302, 60]);
    expect(Number(new URL(body.url).searchParams.get('X-Amz-Expires'))).toBe(60);
    expect(await (await fetch(body.url)).text()).toBe('x');
    const elsewhere = new URL(body.url);
    elsewhere.pathname = elsewhere.pathname.replace(/[^/]+$/, '2');
    const longer = new URL(body.url);
    longer.searchParams.set('X-Amz-Expires', '86400');
    for (const [url, method] of [
      [elsewhere, 'GET'],
      [longer, 'GET'],
      [body.url, 'PUT'],
      [body.url, 'DELETE'],
    ] as const) {
      const answer = await fetch(url, { method, ...(method === 'PUT' ? { body: 'y' } : {}) });
      expect(answer.status, `${method} ${url === body.url ? '' : 'changed'}`).toBeGreaterThanOrEqual(400);
    }
    expect(await (await fetch(body.url)).text()).toBe('x');
    expect((await call('GET', path)).status).toBe(401);
  });
});
