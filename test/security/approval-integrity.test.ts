/**
 * The ways in which an approval has been made to mean something else than a person meant, each tried over every channel on which one
 * decides: the API, the page, the link in a mail; Slack's buttons are in `test/alone/slack-integrity.test.ts`, the list of the ways in
 * docs/security-model.md. Nobody gets a run that was not approved, and nobody is counted twice.
 */
import { createHash, randomUUID } from 'node:crypto';
import { SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { ScanCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import type { ApprovalView } from '../../functions/contracts/approval.ts';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { approvalChannelContract, stillOpen } from '../contract/approval-channel.ts';
import { approvalOf, as, call, finished, get, status, until, userOf } from '../support/airlock.ts';
import { type Approver, api, approver, page, rewrite, seeded } from '../support/approval-channels.ts';
import { executionRow, output, stepFunctions, tables } from '../support/faults.ts';
import { linkIn, mailTo } from '../support/inbox.ts';
import { ask, origin, type PageAnswer } from '../support/pages.ts';
import { type Waiting, waiting } from '../support/waiting.ts';

const channels = [api, page];

async function manifestOf(request: Waiting) {
  const { manifest } = await approvalOf(request);
  if (!manifest) throw new Error('the request of a run has a manifest');
  return manifest;
}

const fresh = () => ({ code: `print("${randomUUID()}")` });

const TableName = output('ApprovalsTableName');

describe('what is shown is what runs', () => {
  it('to the last byte: white space, line ends, invisible and bidirectional characters, arguments, variables, input', async () => {
    const code =
      'import json, os, sys, pathlib\nmark = "a\\u202eb"  \n# \u202etxet\u200b \nprint(json.dumps([pathlib.Path(sys.argv[0]).read_bytes().hex(), sys.argv[1:], os.environ["WHAT"], sys.stdin.read()]))\t\r\n\n';
    const args = ['', ' two words ', '"quotes" \'and\' $(sub) `ticks`', 'new\nline', '--flag=x', '\u202e'];
    const request = await waiting({ code, args, env: { WHAT: ' $HOME\t\u200b' }, input_data: { n: [1, '\u202e'] } });
    const manifest = await manifestOf(request);
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

  it('in a place of its own, with the files that were shown and no other, and no link where one of them should be', async () => {
    const code = `import hashlib, json, os
found = [os.path.relpath(os.path.join(at, name)) for at, _, names in os.walk(".") for name in names]
print(json.dumps([[path, os.path.islink(path), hashlib.sha256(open(path, "rb").read()).hexdigest()] for path in sorted(found)]))`;
    const files = [
      { path: 'b.py', content: 'print("not me")\n' },
      { path: 'data/a.txt', content: 'a' },
    ];
    const request = await waiting({ code, files });
    const manifest = await manifestOf(request);
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const shown = [...manifest.files, { path: manifest.entrypoint, sha256: sha256(manifest.code) }];
    expect(shown.map((file) => [file.path, file.sha256]).sort()).toEqual(
      [...files, { path: 'main.py', content: code }].map((file) => [file.path, sha256(file.content)]).sort(),
    );
    expect(await api.decide(await seeded('approver'), request)).toBe(200);
    const { output: listing } = await finished(request.execution_id);
    expect(JSON.parse(listing)).toEqual(shown.map((file) => [file.path, false, file.sha256]).sort());
  });

  it('however long it is, and not shown as shorter', async () => {
    const lines = Array.from({ length: 3000 }, (_, index) => `value_${index} = ${index}`);
    const request = await waiting({ code: [...lines, 'print("LAST")'].join('\n') });
    expect((await approvalOf(request)).manifest?.code).toHaveLength([...lines, 'print("LAST")'].join('\n').length);
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

for (const channel of channels) approvalChannelContract(channel);

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

describe('the link in a mail', () => {
  const linkFor = async (by: Approver, request: Waiting): Promise<string> => {
    return linkIn(await mailTo(by.email, (mail) => mail.text.includes(String(request.approval_id))));
  };
  /** As a browser goes that keeps what cookies it is given, beside the one of whoever is signed in there. */
  const followed = async (link: string, cookie: string): Promise<PageAnswer> => {
    const answer = await ask('GET', link, { cookie });
    const next = answer.headers.get('location');
    if (answer.status !== 303 || !next) return answer;
    const given = answer.headers.getSetCookie().map((one) => one.split(';')[0]);
    return await followed(next, [cookie, ...given].filter(Boolean).join('; '));
  };
  /** Sends the form that the link leads to, if there is one. */
  const decidesBy = async (link: string, { cookie }: Approver): Promise<void> => {
    const { text } = await followed(link, cookie);
    const action = /<form[^>]* action="([^"]+\/decision)"/.exec(text)?.[1];
    if (action === undefined) return;
    const fields = [...text.matchAll(/name="(csrf_token|nonce|digest)" value="([^"]*)"/g)].map(([, name, value]) => [
      name,
      value,
    ]);
    await ask('POST', action, { cookie, origin }, { ...Object.fromEntries(fields), decision: 'approve' });
  };
  const deciders = async (request: Waiting): Promise<string[]> =>
    (await approvalOf(request)).decisions.map((decision) => decision.approver.email);

  it('decides for whoever is signed in, if they may, and once: not in other hands, not again, not beside another channel', async () => {
    const [first, second] = await Promise.all([approver(), approver()]);
    const mark = randomUUID();
    const request = await waiting({ code: `print("${mark}")` });
    const { rule } = await approvalOf(request);
    await rewrite(request, 'rule', { ...rule, stages: [{ ...rule.stages[0], required_approvers: 2 }] });
    const link = await linkFor(first, request);

    const viewer = await seeded('viewer');
    for (const cookie of ['', viewer.cookie]) expect((await followed(link, cookie)).text).not.toContain(mark);
    for (const by of [viewer, await seeded('developer')]) await decidesBy(link, by);
    expect(await deciders(request)).toEqual([]);
    // In the hands of another approver it is never the word of whom it was sent to.
    await decidesBy(link, second);
    expect(await deciders(request)).not.toContain(first.email);

    await decidesBy(link, first);
    const before = await deciders(request);
    expect(before.filter((email) => email === first.email)).toHaveLength(1);
    if (!before.includes(second.email)) expect(await api.decide(second, request)).toBe(200);
    expect((await deciders(request)).sort()).toEqual([first.email, second.email].sort());
    expect((await finished(request.execution_id)).status).toBe('completed');
  });

  it('decides nothing again, and nothing after the end, whatever was open before', async () => {
    const by = await approver();
    const [agreed, withdrawn] = await Promise.all([1, 2].map(() => waiting({ code: `print("${randomUUID()}")` })));
    if (!agreed || !withdrawn) throw new Error('two were asked for');
    const { rule } = await approvalOf(agreed);
    await rewrite(agreed, 'rule', { ...rule, stages: [{ ...rule.stages[0], required_approvers: 2 }] });
    for (const request of [agreed, withdrawn]) await page.open(by, request);
    const link = await linkFor(by, agreed);
    await decidesBy(link, by);
    expect(await deciders(agreed)).toEqual([by.email]);
    await decidesBy(link, by);
    for (const again of channels) expect(await again.decide(by, agreed)).toBe(409);
    expect(await deciders(agreed)).toEqual([by.email]);

    const late = await linkFor(by, withdrawn);
    await (await as('developer')).call('POST', `/api/v1${withdrawn.path}/withdraw`, {});
    expect((await followed(late, by.cookie)).text).not.toContain('name="nonce"');
    await decidesBy(late, by);
    expect(await page.decide(by, withdrawn)).toBe(409);
    expect(await approvalOf(withdrawn)).toMatchObject({ status: 'withdrawn', decisions: [] });
  });
});

describe('the token of the machine that waits', () => {
  it('is in no answer, on no page and in no mail, and completing it by hand runs nothing', async () => {
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
    const mail = await mailTo(userOf('approver').email, ({ text }) => text.includes(String(request.approval_id)));
    const texts = [
      ...[...answers.map(({ body }) => body), mail].map((one) => JSON.stringify(one)),
      ...pages.map(({ text }) => text),
    ];
    for (const text of texts) {
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
