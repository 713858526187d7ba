import { describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { allEvents, approvalOf, approve, as, call, finished, get, problemOf, run, submit, textOf } from '../support/airlock.ts';

const analysis = `
import json, sys, pandas
rows = pandas.DataFrame(json.load(sys.stdin)["sales"])
totals = rows.groupby("region")["amount"].sum()
print(totals.to_json())
open("output/totals.csv", "w").write(totals.to_csv())
`;
const sales = {
  sales: [
    { region: 'north', amount: 3 },
    { region: 'south', amount: 4 },
    { region: 'north', amount: 5 },
  ],
};

describe('code that needs approval', () => {
  it('waits, is shown whole to the approver, runs once approved, and gives output, files and an audit trail', async () => {
    const submitted = await submit({
      language: 'python',
      code: analysis,
      input_data: sales,
      justification: 'monthly report',
      label: 'reports/sales',
    });
    expect(submitted).toMatchObject({ status: 'pending', phase: 'awaiting_approval' });

    const shown = await approvalOf(submitted);
    expect(shown).toMatchObject({ status: 'open', digest: submitted.digest, justification: 'monthly report' });
    expect(shown.manifest).toMatchObject({ code: analysis, stdin: JSON.stringify(sales), network: 'none', language: 'python' });

    await approve(submitted);
    const events = await allEvents(submitted.execution_id);
    expect(JSON.parse(textOf(events, 'stdout'))).toEqual({ north: 8, south: 4 });
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));

    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'completed', exit_code: 0, error: null, error_output: '' });
    expect(result.files_created).toMatchObject([{ name: 'totals.csv', content_type: 'text/csv' }]);
    expect(result.audit_trail.map((entry) => entry.action)).toEqual([
      'submitted',
      'queued',
      'sandbox_claimed',
      'run_started',
      'completed',
    ]);
    expect(result.resource_usage?.memory_bytes).toBeGreaterThan(0);

    const developer = await as('developer');
    const link = await developer.call(
      'GET',
      `/api/v1/executions/${result.execution_id}/files/${result.files_created[0]?.file_id}`,
    );
    expect(link.status).toBe(302);
    const file = await fetch(link.headers.get('location') ?? '');
    expect(await file.text()).toBe('region,amount\nnorth,8\nsouth,4\n');
    expect(file.headers.get('content-disposition')).toContain('attachment');
  });

  it('never runs once it is denied, and says who denied it and why', async () => {
    const submitted = await submit({ language: 'python', code: 'print("never")' });
    const approver = await as('approver');
    const denied = await approver.call('POST', `/api/v1/approvals/${submitted.approval_id}/decision`, {
      decision: 'deny',
      digest: submitted.digest,
      rationale: 'not today',
    });
    expect(denied.status).toBe(200);
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'cancelled', error: { code: 'approval_denied' }, output: '', started_at: null });
    expect(result.error?.message).toContain('not today');
  });
});

describe('a decision', () => {
  it('by the requester is refused, also when an admin asked', async () => {
    const admin = await as('admin');
    const { body: submitted } = await admin.call<ExecutionResult>('POST', '/api/v1/execute', {
      language: 'python',
      code: 'print(1)',
    });
    const own = await admin.call('POST', `/api/v1/approvals/${submitted.approval_id}/decision`, {
      decision: 'approve',
      digest: submitted.digest,
    });
    expect(own.status).toBe(403);
    expect((await admin.call('POST', `/api/v1/executions/${submitted.execution_id}/cancel`, { reason: 'test' })).status).toBe(
      202,
    );
  });

  it('on another digest is refused, and the code does not run', async () => {
    const submitted = await submit({ language: 'python', code: 'print(1)' });
    const approver = await as('approver');
    const other = await approver.call('POST', `/api/v1/approvals/${submitted.approval_id}/decision`, {
      decision: 'approve',
      digest: 'a'.repeat(64),
    });
    expect(other.status).toBe(409);
    expect(problemOf(other).code).toBe('digest_mismatch');
    expect((await get(submitted.execution_id)).phase).toBe('awaiting_approval');
  });

  it('is not a developer’s or a viewer’s to make, and the request is for its requester and approvers to see', async () => {
    const submitted = await submit({ language: 'python', code: 'print(1)' });
    for (const [role, seen] of [
      ['developer', 200],
      ['viewer', 404],
    ] as const) {
      const client = await as(role);
      expect((await client.call('GET', `/api/v1/approvals/${submitted.approval_id}`)).status).toBe(seen);
      const decided = await client.call('POST', `/api/v1/approvals/${submitted.approval_id}/decision`, {
        decision: 'approve',
        digest: submitted.digest,
      });
      expect(decided.status).toBe(403);
    }
  });
});

describe('a program', () => {
  it('that fails ends as failed, with its exit code and error output', async () => {
    const result = await run({ language: 'python', code: 'import sys\nprint("before")\nsys.exit("went wrong")' });
    expect(result).toMatchObject({ status: 'failed', exit_code: 1, output: 'before\n', error: { code: 'program_failed' } });
    expect(result.error_output).toContain('went wrong');
  });

  it('gets arguments, environment, input files and standard input as they were sent', async () => {
    const result = await run({
      language: 'python',
      code: 'import sys, os, json\nprint(sys.argv[1:], os.environ["GREETING"], open("data/words.txt").read(), json.load(open("input.json")))',
      args: ['one', 'two words'],
      env: { GREETING: 'grüezi' },
      files: [{ path: 'data/words.txt', content: 'aGVsbG8=', encoding: 'base64' }],
      input_data: { x: 1 },
    });
    expect(result.output).toBe("['one', 'two words'] grüezi hello {'x': 1}\n");
  });
});

describe('submitting', () => {
  it('the same request twice under one idempotency key is once, and another request under it is refused', async () => {
    const developer = await as('developer');
    const headers = { 'idempotency-key': `key-${Date.now()}` };
    const request = { language: 'python', code: 'print(1)' };
    const first = await developer.call<ExecutionResult>('POST', '/api/v1/execute', request, headers);
    const second = await developer.call<ExecutionResult>('POST', '/api/v1/execute', request, headers);
    expect(second.body.execution_id).toBe(first.body.execution_id);
    const other = await developer.call('POST', '/api/v1/execute', { ...request, code: 'print(2)' }, headers);
    expect(other.status).toBe(422);
    expect(problemOf(other).code).toBe('idempotency_mismatch');
  });

  it('is listed for its requester, filtered and paged', async () => {
    const label = `list-${Date.now()}`;
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1)
      ids.push((await submit({ language: 'python', code: `print(${index})`, label })).execution_id);
    const developer = await as('developer');
    type List = { executions: ExecutionResult[]; next_cursor: string | null };
    const listed: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: List = (
        await developer.call<List>('GET', `/api/v1/executions?label=${label}&limit=2${cursor ? `&cursor=${cursor}` : ''}`)
      ).body;
      listed.push(...page.executions.map((execution) => execution.execution_id));
      cursor = page.next_cursor;
    }
    expect(listed).toEqual(ids.reverse());
    const none = await developer.call<List>('GET', `/api/v1/executions?label=${label}&status=completed`);
    expect(none.body.executions).toEqual([]);
  });
});

describe('who asks', () => {
  it('without a token gets 401, with a bad one too', async () => {
    expect((await call('GET', '/api/v1/executions')).status).toBe(401);
    expect((await call('GET', '/api/v1/executions', undefined, { authorization: 'Bearer abc.def.ghi' })).status).toBe(401);
    expect((await call('POST', '/api/v1/auth/login', { email: 'nobody@airlock.local', password: 'x' })).status).toBe(401);
  });

  it('without the permission gets 403', async () => {
    const viewer = await as('viewer');
    expect((await viewer.call('POST', '/api/v1/execute', { language: 'python', code: 'print(1)' })).status).toBe(403);
  });

  it('for somebody else’s execution gets the same 404 as for one that does not exist', async () => {
    const admin = await as('admin');
    const { body: theirs } = await admin.call<ExecutionResult>('POST', '/api/v1/execute', {
      language: 'python',
      code: 'print(1)',
    });
    const developer = await as('developer');
    const missing = theirs.execution_id.replace(/.{12}$/, '000000000000');
    for (const path of ['', '/events', '/files/abc']) {
      const one = await developer.call('GET', `/api/v1/executions/${theirs.execution_id}${path}`);
      const other = await developer.call('GET', `/api/v1/executions/${missing}${path}`);
      expect(one.status).toBe(404);
      expect({ ...problemOf(one), request_id: '' }).toEqual({ ...problemOf(other), request_id: '' });
    }
    expect((await developer.call('POST', `/api/v1/executions/${theirs.execution_id}/cancel`, { reason: 'x' })).status).toBe(404);
  });

  it('gets a fresh token for a refresh token', async () => {
    const developer = (await import('../support/airlock.ts')).status.users.find((user) => user.role === 'developer');
    const first = await call<{ refresh_token: string }>('POST', '/api/v1/auth/login', {
      email: developer?.email,
      password: developer?.password,
    });
    const again = await call<{ access_token: string }>('POST', '/api/v1/auth/refresh', {
      refresh_token: first.body.refresh_token,
    });
    expect(again.status).toBe(200);
    expect(
      (await call('GET', '/api/v1/executions', undefined, { authorization: `Bearer ${again.body.access_token}` })).status,
    ).toBe(200);
  });
});
