/** Approval requests through the API, beyond one approver who agrees: conditions, places, comments, clocks, rules. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { GetCommand, QueryCommand, ScanCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import type { ApprovalSummary, ApprovalView, StandingApproval } from '../../functions/contracts/approval.ts';
import type { ApprovalNotice } from '../../functions/contracts/approval-notice.ts';
import { approvalOf, as, type Client, clientOf, finished, get, problemOf, submit, until, userOf } from '../support/airlock.ts';
import { invoke, output, stepFunctions, tables } from '../support/faults.ts';
import { newUser, signInWith, somebody } from '../support/people.ts';

const program = { language: 'python' as const, code: 'print("ran")' };
const pathOf = (execution: { approval_id: string | null }, rest = '') => `/api/v1/approvals/${execution.approval_id}${rest}`;
const decide = (client: Client, execution: { approval_id: string | null }, body: object) =>
  client.call<ApprovalView>('POST', pathOf(execution, '/decision'), body);

const TableName = output('ApprovalsTableName');
const keyOf = (execution: { approval_id: string | null }) => ({ approval_id: execution.approval_id });

/** What no configuration of this instance says: a request whose rule and times are the test's. */
async function rewrite(execution: { approval_id: string | null }, changes: Record<string, unknown>): Promise<void> {
  const names = Object.keys(changes);
  await tables.send(
    new UpdateCommand({
      TableName,
      Key: keyOf(execution),
      UpdateExpression: `SET ${names.map((_, index) => `#n${index} = :v${index}`).join(', ')}`,
      ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#n${index}`, name])),
      ExpressionAttributeValues: Object.fromEntries(names.map((name, index) => [`:v${index}`, changes[name]])),
    }),
  );
}

const rowOf = async (execution: { approval_id: string | null }) =>
  (await tables.send(new GetCommand({ TableName, Key: keyOf(execution), ConsistentRead: true }))).Item ?? {};

async function noticesOf(execution: { approval_id: string | null }): Promise<ApprovalNotice[]> {
  const { Items } = await tables.send(
    new ScanCommand({
      TableName,
      FilterExpression: 'request_id = :id',
      ExpressionAttributeValues: { ':id': execution.approval_id },
    }),
  );
  return (Items ?? []).map((item) => item as unknown as ApprovalNotice).sort((a, b) => a.notice_id.localeCompare(b.notice_id));
}

async function auditOf(execution: { approval_id: string | null }): Promise<string[]> {
  const { Items } = await tables.send(
    new QueryCommand({
      TableName: output('AuditTableName'),
      KeyConditionExpression: 'entity_id = :id',
      ExpressionAttributeValues: { ':id': execution.approval_id },
    }),
  );
  return (Items ?? []).map((item) => String(item.action));
}

describe('an approval under conditions', () => {
  it('runs what was agreed to, under its own digest, and nothing else', async () => {
    const submitted = await submit({ ...program, timeout_seconds: 60 });
    const shown = await approvalOf(submitted);
    const approver = await as('approver');
    const looser = await decide(approver, submitted, {
      decision: 'approve',
      digest: shown.digest,
      conditions: { timeout_seconds: 90 },
    });
    expect([looser.status, problemOf(looser).errors?.[0]?.field]).toEqual([422, 'body.conditions.timeout_seconds']);

    const conditions = { timeout_seconds: 20, resource_limits: { memory: '256MB' } };
    const agreed = await decide(approver, submitted, { decision: 'approve', digest: shown.digest, conditions });
    expect(agreed.status, JSON.stringify(agreed.body)).toBe(200);
    expect(agreed.body.versions).toMatchObject([{ version: 1 }, { version: 2, timeout_seconds: 20 }]);
    expect(agreed.body.approved_digest).toBe(agreed.body.versions[1]?.digest);

    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({
      status: 'completed',
      output: 'ran\n',
      timeout_seconds: 20,
      digest: agreed.body.approved_digest,
      limits: { memory_bytes: 256 * 2 ** 20 },
    });
    expect(result.digest).not.toBe(submitted.digest);
  });
});

describe('whoever asked', () => {
  it('sees their own request with who may decide and what comes next, talks about it, and may take it back', async () => {
    const submitted = await submit(program);
    const [developer, viewer, approver] = [await as('developer'), await as('viewer'), await as('approver')];
    await approvalOf(submitted);
    const own = await developer.call<ApprovalView>('GET', pathOf(submitted));
    expect(own.body).toMatchObject({
      status: 'open',
      eligible_approvers: { roles: ['approver', 'admin'], required_approvers: 1, approvals: 0 },
      next_escalation: { level: 'team_lead' },
    });
    expect((await viewer.call('GET', pathOf(submitted))).status).toBe(404);
    expect((await viewer.call('POST', pathOf(submitted, '/comments'), { text: 'hello' })).status).toBe(404);

    expect((await approver.call('POST', pathOf(submitted, '/comments'), { text: 'Why twice?' })).status).toBe(200);
    const answered = await developer.call<ApprovalView>('POST', pathOf(submitted, '/comments'), { text: 'By mistake.' });
    expect(answered.body.comments.map((comment) => comment.text)).toEqual(['Why twice?', 'By mistake.']);

    const somebodyElse = await as('admin');
    expect((await somebodyElse.call('POST', pathOf(submitted, '/withdraw'), {})).status).toBe(403);
    const withdrawn = await developer.call<ApprovalView>('POST', pathOf(submitted, '/withdraw'), { reason: 'by mistake' });
    expect(withdrawn.body).toMatchObject({ status: 'withdrawn', next_escalation: null, eligible_approvers: null });
    expect((await finished(submitted.execution_id)).error?.code).toBe('approval_withdrawn');
    expect((await decide(approver, submitted, { decision: 'approve', digest: submitted.digest })).status).toBe(409);
    expect(await auditOf(submitted)).toEqual(['opened', 'commented', 'commented', 'withdrawn']);
  });
});

describe('a place', () => {
  it('is handed to another approver, decided in once, and ends with the eligibility of who gave it', async () => {
    const submitted = await submit(program);
    const { rule } = await approvalOf(submitted);
    // Only this one may decide now: the deputy is no admin.
    const [deputy, approver, admin] = [await somebody('approver'), await as('approver'), await as('admin')];
    const eligible = { roles: ['admin'], groups: [], people: [] };
    await rewrite(submitted, { rule: { ...rule, stages: [{ name: 'boss', required_approvers: 1, eligible }] } });
    const body = { decision: 'approve', digest: submitted.digest };
    expect((await decide(deputy, submitted, body)).status).toBe(403);

    const hand = (from: Client, to: string) =>
      from.call<ApprovalView>('POST', pathOf(submitted, '/delegate'), { to, until: new Date(Date.now() + 60_000).toISOString() });
    expect((await hand(approver, deputy.user_id)).status).toBe(403);
    // Somebody who may not approve is not told apart from nobody.
    const viewer = await as('viewer');
    const [toViewer, toNobody] = [await hand(admin, viewer.user_id), await hand(admin, 'nobody')];
    expect([toViewer.status, toNobody.status]).toEqual([422, 422]);
    expect(problemOf(toViewer).detail).toBe(problemOf(toNobody).detail);
    expect(JSON.stringify(toViewer.body)).not.toContain(userOf('viewer').email);
    const handed = await hand(admin, deputy.user_id);
    expect(handed.body.eligible_approvers?.delegates).toMatchObject([{ user_id: deputy.user_id }]);

    const decided = await decide(deputy, submitted, body);
    expect(decided.body.decisions).toMatchObject([
      { approver: { user_id: deputy.user_id }, on_behalf_of: { user_id: admin.user_id }, decision: 'approve' },
    ]);
    expect((await finished(submitted.execution_id)).status).toBe('completed');
  });
});

describe('a rule that wants a second factor', () => {
  it('takes the approval of who signed in with one, says so to everybody, and lets anybody eligible deny', async () => {
    const [agreed, denied] = [await submit(program), await submit(program)];
    const { rule } = await approvalOf(agreed);
    for (const request of [agreed, denied]) {
      await approvalOf(request);
      await rewrite(request, { rule: { ...rule, second_factor_from: 'low' } });
    }
    const developer = await as('developer');
    expect((await developer.call<ApprovalView>('GET', pathOf(agreed))).body.second_factor_required).toBe(true);

    const user = await newUser('approver');
    const withoutOne = clientOf((await signInWith(user)).access_token);
    const body = { decision: 'approve', digest: agreed.digest };
    const refusal = await decide(withoutOne, agreed, body);
    expect([refusal.status, problemOf(refusal).code]).toEqual([403, 'second_factor_wanted']);
    expect((await decide(withoutOne, denied, { decision: 'deny', digest: denied.digest })).body.status).toBe('denied');

    const withOne = clientOf((await signInWith({ ...user, second_factor: true })).access_token);
    expect((await decide(withOne, agreed, body)).body.status).toBe('approved');
    expect((await finished(agreed.execution_id)).status).toBe('completed');
  });
});

describe('a standing approval', () => {
  it('is granted with the decision where the rule allows it, listed, and ended once', async () => {
    const submitted = await submit(program);
    const { rule } = await approvalOf(submitted);
    const approver = await as('approver');
    const body = { decision: 'approve', digest: submitted.digest, standing: { runs: 3 } };
    expect((await decide(approver, submitted, body)).status).toBe(422);
    await rewrite(submitted, { rule: { ...rule, standing_approvals: { max_runs: 5, max_days: 1 } } });
    expect((await decide(approver, submitted, { ...body, standing: { runs: 6 } })).status).toBe(422);
    expect((await decide(approver, submitted, body)).status).toBe(200);

    const list = async () => {
      const { body: page } = await approver.call<{ standing_approvals: StandingApproval[] }>('GET', '/api/v1/approvals/standing');
      return page.standing_approvals.find((standing) => standing.granted_by === submitted.approval_id);
    };
    const standing = await until('the standing approval', list);
    expect(standing).toMatchObject({ runs_left: 3, owner: { user_id: (await as('developer')).user_id }, status: 'standing' });
    const end = () =>
      approver.call<StandingApproval>('POST', `/api/v1/approvals/standing/${standing.standing_approval_id}/revoke`, {
        reason: 'test',
      });
    for (const revoked of [await end(), await end()])
      expect([revoked.status, revoked.body.status, revoked.body.revoked?.by.user_id]).toEqual([200, 'revoked', approver.user_id]);
    expect(await list()).toBeUndefined();
    expect((await finished(submitted.execution_id)).status).toBe('completed');
  });
});

describe('the clocks of a request', () => {
  it('escalate at their time, tell both levels once, and expire', async () => {
    const submitted = await submit(program);
    await approvalOf(submitted);
    const beginning = (secondsLeft: number) => new Date(Date.now() - 30 * 60_000 + secondsLeft * 1000).toISOString();
    await rewrite(submitted, { stage_started_at: beginning(3) });
    await stepFunctions.send(
      new StartExecutionCommand({
        stateMachineArn: output('ApprovalClockStateMachineArn'),
        name: `${submitted.approval_id}-test`,
        input: JSON.stringify({ approval_id: submitted.approval_id, stage: 0 }),
      }),
    );
    await until('the escalation', async () => (await rowOf(submitted)).level === 1, 30_000);
    expect(await approvalOf(submitted)).toMatchObject({
      escalated_to: 'team_lead',
      next_escalation: { level: 'security_admin' },
    });
    const approver = await as('approver');
    const listed = await approver.call<{ approvals: ApprovalSummary[] }>('GET', '/api/v1/approvals?escalated=true&limit=100');
    expect(listed.body.approvals.map((one) => one.approval_id)).toContain(submitted.approval_id);
    await sleep(500);
    expect((await noticesOf(submitted)).map(({ event, asks, level }) => [event, asks, level])).toEqual([
      ['opened', true, 0],
      ['escalated', true, 1],
      ['escalated', false, 1],
    ]);

    // Its machine waits for a later time: what is overdue is the reconciler's.
    await rewrite(submitted, { expires_at: new Date(Date.now() - 20_000).toISOString() });
    expect((await decide(approver, submitted, { decision: 'approve', digest: submitted.digest })).status).toBe(409);
    await invoke('events/reconciler', {});
    expect((await finished(submitted.execution_id)).error?.code).toBe('approval_expired');
    expect(await auditOf(submitted)).toEqual(['opened', 'escalated', 'expired']);
  });

  it('are wound up by the request itself', async () => {
    const submitted = await submit(program);
    await approvalOf(submitted);
    const name = `${submitted.approval_id}-0-0`;
    const executionArn = `${output('ApprovalClockStateMachineArn').replace(':stateMachine:', ':execution:')}:${name}`;
    const described = await until('the machine of the clocks', () =>
      stepFunctions.send(new DescribeExecutionCommand({ executionArn })).catch(() => null),
    );
    expect(described.status).toBe('RUNNING');
    expect((await get(submitted.execution_id)).phase).toBe('awaiting_approval');
    await (await as('developer')).call('POST', pathOf(submitted, '/withdraw'), {});
  });
});

describe('the rules', () => {
  it('can be read, and asked what they would say', async () => {
    const developer = await as('developer');
    const read = await developer.call<{ rules: Record<string, { name: string }[]> }>('GET', '/api/v1/approvals/rules');
    expect(read.status, JSON.stringify(read.body)).toBe(200);
    expect(Object.keys(read.body.rules)).toContain('data_export');

    const ask = (body: object) => developer.call<Record<string, unknown>>('POST', '/api/v1/approvals/rules/dry-run', body);
    expect((await ask({ language: 'python' })).body).toMatchObject({
      approval_required: true,
      rule: { name: 'code_execution' },
      why: ['the rule code_execution applies: it has no condition'],
      timetable: { levels: [{ level: 'team_lead', after_minutes: 30 }, { level: 'security_admin' }], expires_after_minutes: 90 },
    });
    expect((await ask({ operation_type: 'unheard_of' })).body).toMatchObject({
      approval_required: true,
      why: ['no rule is configured for unheard_of, so nobody may approve it'],
    });
    expect((await ask({ language: 'python', timeout_seconds: 1e9 })).status).toBe(422);
    expect((await ask({ language: 'cobol' })).status).toBe(422);
    expect((await ask({ operation_type: 'data_export' })).body).toMatchObject({
      approval_required: true,
      rule: { name: 'data_export', stages: [{ required_approvers: 2 }] },
    });
  });
});
