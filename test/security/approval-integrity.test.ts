/**
 * The ways in which an approval has been made to mean something else than a person meant, each tried over every channel on which one
 * decides: the API and the page. Nobody gets a run that was not approved, and nobody is counted twice.
 */
import { createHash, randomUUID } from 'node:crypto';
import { SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { ScanCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import type { ApprovalView } from '../../functions/contracts/approval.ts';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { approvalOf, as, type Client, call, finished, get, signInAs, status, until, userOf } from '../support/airlock.ts';
import { executionRow, output, stepFunctions, tables } from '../support/faults.ts';
import { ask, formOf, origin, signedIn } from '../support/pages.ts';
import { newUser, somebody } from '../support/people.ts';
import { type Waiting, waiting } from '../support/waiting.ts';

interface Approver {
  readonly email: string;
  readonly password: string;
  readonly client: Client;
  readonly cookie: string;
}

/** A way in which a person decides. Answers with the status a program would get. */
interface Channel {
  readonly name: string;
  /** What somebody has open before something happens, and sends after it. */
  readonly open: (by: Approver, request: Waiting) => Promise<void>;
  readonly decide: (
    by: Approver,
    request: Waiting,
    wanted?: { digest?: string; decision?: 'approve' | 'deny' },
  ) => Promise<number>;
}

const api: Channel = {
  name: 'the API',
  open: async () => {},
  decide: async ({ client }, request, { digest = request.digest, decision = 'approve' } = {}) =>
    (await client.call('POST', `/api/v1${request.path}/decision`, { decision, digest })).status,
};

const opened = new Map<string, Record<string, string>[]>();
const page: Channel = {
  name: 'the page',
  async open({ email, cookie }, { path }) {
    const form = await formOf(`${path}?all=1`, cookie);
    expect(form.nonce).not.toBe('');
    opened.set(`${email} ${path}`, [...(opened.get(`${email} ${path}`) ?? []), form]);
  },
  async decide({ email, cookie }, request, { digest = request.digest, decision = 'approve' } = {}) {
    const form = opened.get(`${email} ${request.path}`)?.shift() ?? (await formOf(`${request.path}?all=1`, cookie));
    const { status } = await ask('POST', `${request.path}/decision`, { cookie, origin }, { ...form, decision, digest });
    return status === 303 ? 200 : status;
  },
};
const channels = [api, page];

async function approver(roles: string | string[] = 'approver'): Promise<Approver> {
  const user = await newUser(roles);
  return { ...user, client: await signInAs(user.email, user.password), cookie: await signedIn(user) };
}
async function seeded(role: 'admin' | 'approver' | 'developer' | 'viewer'): Promise<Approver> {
  const { email, password } = userOf(role);
  return { email, password, client: await as(role), cookie: await signedIn({ email, password }) };
}

const fresh = () => ({ code: `print("${randomUUID()}")` });

const TableName = output('ApprovalsTableName');
const rewrite = (request: Waiting, name: string, value: unknown): Promise<unknown> =>
  tables.send(
    new UpdateCommand({
      TableName,
      Key: { approval_id: request.approval_id },
      UpdateExpression: 'SET #name = :value',
      ExpressionAttributeNames: { '#name': name },
      ExpressionAttributeValues: { ':value': value },
    }),
  );

const stillOpen = async (request: Waiting): Promise<void> => {
  expect(await approvalOf(request)).toMatchObject({ status: 'open', decisions: [] });
  expect(await get(request.execution_id)).toMatchObject({ phase: 'awaiting_approval', started_at: null });
};

describe('what is shown is what runs', () => {
  it('to the last byte: white space, line ends, invisible and bidirectional characters, arguments, variables, input', async () => {
    const code =
      'import json, os, sys, pathlib\nmark = "a\\u202eb"  \n# \u202etxet\u200b \nprint(json.dumps([pathlib.Path(sys.argv[0]).read_bytes().hex(), sys.argv[1:], os.environ["WHAT"], sys.stdin.read()]))\t\r\n\n';
    const args = ['', ' two words ', '"quotes" \'and\' $(sub) `ticks`', 'new\nline', '--flag=x', '\u202e'];
    const request = await waiting({ code, args, env: { WHAT: ' $HOME\t\u200b' }, input_data: { n: [1, '\u202e'] } });
    const { manifest } = await approvalOf(request);
    expect(await api.decide(await seeded('approver'), request)).toBe(200);
    const [source, argv, what, stdin] = JSON.parse((await finished(request.execution_id)).output) as [
      string,
      string[],
      string,
      string,
    ];
    expect(Buffer.from(source, 'hex').toString('utf8')).toBe(manifest.code);
    expect({ argv, what, stdin }).toEqual({ argv: manifest.args, what: manifest.env.WHAT, stdin: manifest.stdin });
    expect(manifest).toMatchObject({ code, args });
  });

  it('however long it is, and not shown as shorter', async () => {
    const lines = Array.from({ length: 3000 }, (_, index) => `value_${index} = ${index}`);
    const request = await waiting({ code: [...lines, 'print("LAST")'].join('\n') });
    expect((await approvalOf(request)).manifest.code).toHaveLength([...lines, 'print("LAST")'].join('\n').length);
    const { cookie } = await seeded('approver');
    const short = await ask('GET', request.path, { cookie });
    expect(short.text).not.toContain('LAST');
    expect(short.text).not.toContain('name="nonce"');
    const whole = await ask('GET', `${request.path}?all=1`, { cookie });
    for (const part of ['value_0 ', 'value_1500 ', 'value_2999 ', 'LAST', 'name="nonce"']) expect(whole.text).toContain(part);
  });

  it('with nothing nested deeper than is looked at', async () => {
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    const developer = await as('developer');
    const answer = await developer.call('POST', '/api/v1/execute', {
      language: 'python',
      code: 'print(1)',
      input_data: { deep: deep(2000) },
    });
    expect(answer.status).toBe(422);
  });

  it('and what was approved cannot become something else: the stored bytes are hashed again before they run', async () => {
    const request = await waiting(fresh());
    const row = await executionRow(request.execution_id);
    const other = await waiting({ code: 'print("other")' });
    const otherRow = await executionRow(other.execution_id);
    expect(await api.decide(await seeded('approver'), request)).toBe(200);
    expect((await finished(request.execution_id)).status).toBe('completed');
    // Approved, and then pointed at the bytes of something that was not.
    const swapped = await waiting(fresh());
    for (const [table, key] of [
      [output('ExecutionsTableName'), { execution_id: swapped.execution_id }],
      [TableName, { approval_id: swapped.approval_id }],
    ] as const) {
      await tables.send(
        new UpdateCommand({
          TableName: table,
          Key: key,
          UpdateExpression: 'SET manifest_key = :key',
          ExpressionAttributeValues: { ':key': otherRow.manifest_key },
        }),
      );
    }
    await (await as('approver')).call('POST', `/api/v1${swapped.path}/decision`, { decision: 'approve', digest: swapped.digest });
    const ended = await until('an end, or none', async () => {
      const now = await get(swapped.execution_id);
      return now.phase === 'done' || now.phase === 'awaiting_approval' ? now : null;
    });
    expect(ended.status).not.toBe('completed');
    expect(ended.output ?? '').not.toContain('other');
    expect(row.manifest_key).not.toBe(otherRow.manifest_key);
  });
});

describe.each(channels)('over $name', (channel) => {
  it('a decision is about this digest: not that of the same code with another variable, argument, file or limit', async () => {
    const code = `print("${randomUUID()}")`;
    const request = await waiting({ code });
    const others = await Promise.all(
      [{ env: { A: '1' } }, { args: ['x'] }, { files: [{ path: 'a.txt', content: 'a' }] }, { timeout_seconds: 7 }].map((more) =>
        waiting({ code, ...more }),
      ),
    );
    const digests = others.map((other) => other.digest);
    expect(new Set([request.digest, ...digests]).size).toBe(5);
    const by = await seeded('approver');
    for (const digest of [...digests, createHash('sha256').update('x').digest('hex'), request.digest.toUpperCase(), ''])
      expect([409, 422]).toContain(await channel.decide(by, request, { digest }));
    await stillOpen(request);
  });

  it('nobody decides who may not: not the requester, not a reader, not whoever only runs code, not an admin whom no list names', async () => {
    const request = await waiting(fresh());
    expect(await channel.decide(await seeded('developer'), request)).toBe(403);
    expect([403, 404]).toContain(await channel.decide(await seeded('viewer'), request));
    const both = await approver(['developer', 'approver']);
    const own = await both.client.call<ExecutionResult>('POST', '/api/v1/execute', {
      language: 'python',
      code: 'print(1)',
      approval_required: true,
    });
    const mine: Waiting = { ...own.body, path: `/approvals/${own.body.approval_id}` };
    await until('the request', async () => (await both.client.call('GET', `/api/v1${mine.path}`)).status === 200);
    expect([403, 409]).toContain(await channel.decide(both, mine));
    // A list left empty is nobody, and `*` names routes, not deciders.
    const listed = await Promise.all([seeded('admin'), seeded('approver')]);
    for (const by of listed) await channel.open(by, request);
    const { rule } = await approvalOf(request);
    await rewrite(request, 'rule', {
      ...rule,
      stages: [{ ...rule.stages[0], eligible: { roles: [], groups: [], people: [] } }],
      escalation_chain: [],
    });
    for (const by of listed) expect(await channel.decide(by, request)).toBe(403);
    await stillOpen(request);
  });

  it('nobody is counted twice: over both channels, or with two accounts of one address', async () => {
    const request = await waiting(fresh());
    const { rule } = await approvalOf(request);
    await rewrite(request, 'rule', { ...rule, stages: [{ ...rule.stages[0], required_approvers: 2 }] });
    const by = await approver();
    for (const each of [channel, page, page]) await each.open(by, request);
    expect(await channel.decide(by, request)).toBe(200);
    for (const again of channels) expect(await again.decide(by, request)).toBe(409);
    // The same person under another id: what their row says of the address is what counts.
    const twin = await somebody('approver');
    const email = by.email.toUpperCase();
    await tables.send(
      new UpdateCommand({
        TableName: output('IdentityTableName'),
        Key: { identity_id: `user#${twin.user_id}` },
        UpdateExpression: 'SET email = :email',
        ExpressionAttributeValues: { ':email': email },
      }),
    );
    expect(await api.decide({ ...twin, client: twin, cookie: '' }, request)).toBe(409);
    expect((await approvalOf(request)).decisions).toHaveLength(1);
    expect(await channel.decide(await approver(), request)).toBe(200);
    expect((await approvalOf(request)).status).toBe('approved');
    expect((await finished(request.execution_id)).status).toBe('completed');
  });

  it('nothing is decided after the end of it: expired, withdrawn, denied, or by whoever is no longer eligible', async () => {
    const by = await seeded('approver');
    const expired = await waiting(fresh());
    await channel.open(by, expired);
    await rewrite(expired, 'expires_at', new Date(Date.now() - 1000).toISOString());
    expect(await channel.decide(by, expired)).toBe(409);
    const withdrawn = await waiting(fresh());
    await channel.open(by, withdrawn);
    await (await as('developer')).call('POST', `/api/v1${withdrawn.path}/withdraw`, {});
    expect(await channel.decide(by, withdrawn)).toBe(409);
    const denied = await waiting(fresh());
    const late = await seeded('admin');
    await channel.open(late, denied);
    expect(await channel.decide(by, denied, { decision: 'deny' })).toBe(200);
    expect(await channel.decide(late, denied)).toBe(409);
    for (const request of [expired, withdrawn, denied]) {
      const view = await approvalOf(request);
      expect(view.status).not.toBe('approved');
    }
    const leaving = await approver();
    const request = await waiting(fresh());
    await (await as('admin')).call('PATCH', `/api/v1/users/${(leaving.client as Client).user_id}`, {
      disabled: true,
      reason: 'left',
    });
    // Led to the sign-in, or told that the credential is no good: never 200.
    expect([303, 401, 403]).toContain(
      channel === page
        ? (
            await ask(
              'POST',
              `${request.path}/decision`,
              { cookie: leaving.cookie, origin },
              { csrf_token: 'x', nonce: 'x', digest: request.digest, decision: 'approve' },
            )
          ).status
        : await channel.decide(leaving, request),
    );
    await stillOpen(request);
  });

  it('of several who decide in the same moment each is counted once, and the run begins once', async () => {
    const people = await Promise.all([approver(), approver(), approver()]);
    const request = await waiting({ code: 'print("once")' });
    for (const by of people) await channel.open(by, request);
    const statuses = await Promise.all(people.map((by) => channel.decide(by, request)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect((await approvalOf(request)).decisions).toHaveLength(1);
    const result = await finished(request.execution_id);
    expect(result).toMatchObject({ status: 'completed', output: 'once\n' });
    expect(result.audit_trail.filter((entry) => entry.action === 'run_started')).toHaveLength(1);
  });
});

describe('who is eligible', () => {
  it('is the same over every channel, for every role', async () => {
    const request = await waiting(fresh());
    for (const role of ['developer', 'viewer', 'approver', 'admin', 'auditor'] as const) {
      const by = role === 'auditor' ? null : await seeded(role);
      if (!by) continue;
      // A digest of nothing: whoever may decide is told that it is not this one, everybody else that they may not.
      const answers = await Promise.all(channels.map((channel) => channel.decide(by, request, { digest: 'f'.repeat(64) })));
      const may = answers.map((answer) => answer === 409);
      expect(new Set(may).size, `${role}: ${answers}`).toBe(1);
    }
    await stillOpen(request);
  });
});

describe('the token of the machine that waits', () => {
  it('is in no answer and on no page, and completing it by hand runs nothing', async () => {
    const request = await waiting({ code: 'print("never")' });
    const token = await until('the machine to wait', async () => {
      const { Items = [] } = await tables.send(
        new ScanCommand({
          TableName,
          FilterExpression: 'approval_id = :id',
          ExpressionAttributeValues: { ':id': request.approval_id },
          ConsistentRead: true,
        }),
      );
      return Items[0]?.task_token as string | undefined;
    });
    const { client, cookie } = await seeded('admin');
    const answers = await Promise.all([
      client.call('GET', `/api/v1${request.path}`),
      client.call('GET', '/api/v1/approvals'),
      client.call('GET', `/api/v1/executions/${request.execution_id}`),
      client.call('GET', `/api/v1/audit?entity_id=${request.approval_id}`),
    ]);
    const pages = await Promise.all([
      ask('GET', `${request.path}?all=1`, { cookie }),
      ask('GET', '/approvals?show=open', { cookie }),
    ]);
    for (const text of [...answers.map((answer) => JSON.stringify(answer.body)), ...pages.map((answer) => answer.text)]) {
      expect(text).not.toContain(token);
      expect(text).not.toContain('task_token');
    }
    await stepFunctions.send(new SendTaskSuccessCommand({ taskToken: token, output: '{"decision":"approved","approved":true}' }));
    const ended = await until('the machine to end, or to wait again', async () => {
      const now = await get(request.execution_id);
      return now.phase === 'done'
        ? now
        : (await approvalOf(request)).status === 'open' && now.phase === 'awaiting_approval'
          ? now
          : null;
    });
    expect(ended.started_at).toBeNull();
    expect(ended.output ?? '').toBe('');
  });

  it('need not be there yet when somebody decides: the decision is found by the machine that comes for it', async () => {
    const developer = await as('developer');
    const by = await as('approver');
    for (let tries = 0; tries < 2; tries += 1) {
      const { body } = await developer.call<ExecutionResult>('POST', '/api/v1/execute', {
        language: 'python',
        code: 'print("early")',
        approval_required: true,
      });
      const path = `/api/v1/approvals/${body.approval_id}/decision`;
      await until('the first moment in which it can be decided', async () => {
        const answer = await by.call<ApprovalView>('POST', path, { decision: 'approve', digest: body.digest });
        return answer.status === 200;
      });
      expect(await finished(body.execution_id)).toMatchObject({ status: 'completed', output: 'early\n' });
    }
  });
});

describe('nobody', () => {
  it('decides without saying who they are, and is never taken for the requester', async () => {
    const request = await waiting(fresh());
    const body = { decision: 'approve', digest: request.digest };
    for (const headers of [{}, { 'x-user-id': request.requester.user_id }, { cookie: 'airlock_session=' }] as Record<
      string,
      string
    >[])
      expect((await call('POST', `/api/v1${request.path}/decision`, body, headers)).status).toBe(401);
    const named = await (await as('approver')).call('POST', `/api/v1${request.path}/decision`, {
      ...body,
      approver: userOf('admin').email,
    });
    expect(named.status).toBe(422);
    expect(status.url).toBeTruthy();
    await stillOpen(request);
  });
});
