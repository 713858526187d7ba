/** Approval of what is not a run: asked for over the API, decided by people, done by whoever asked. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ApprovalView } from '../../functions/contracts/approval.ts';
import { as, type Client, problemOf, until, userOf } from '../support/airlock.ts';
import { approver, seeded } from '../support/approval-channels.ts';
import { mailTo } from '../support/inbox.ts';
import { ask } from '../support/pages.ts';
import { somebody } from '../support/people.ts';

const exportOf = (more: object = {}) => ({
  ...{ operation_type: 'data_export', summary: 'Send the customers of 2025 to the auditors', justification: 'the audit' },
  details: { table: 'customers', to: 'auditors\u202e.example', note: '<script>alert(1)</script>', nonce: randomUUID() },
  ...more,
});
const request = (client: Client, body: object, headers?: Record<string, string>) =>
  client.call<ApprovalView>('POST', '/api/v1/approvals', body, headers);

describe('an operation that is not a run', () => {
  it('waits for its people, who see exactly what would be done, and is known to be approved by whoever asked', async () => {
    const developer = await as('developer');
    const asked = await request(developer, exportOf());
    expect(asked.status).toBe(201);
    const { approval_id, digest } = asked.body;
    expect(asked.body).toMatchObject({
      ...{
        status: 'open',
        execution_id: null,
        manifest: null,
        risk_level: 'high',
        eligible_approvers: { required_approvers: 2 },
      },
      operation: { operation_type: 'data_export', details: { table: 'customers' } },
    });
    const path = `/api/v1/approvals/${approval_id}`;

    const { email } = userOf('approver');
    const mail = await mailTo(email, ({ text }) => text.includes(approval_id));
    expect(mail.text).toContain('Send the customers of 2025 to the auditors');
    expect(mail.text).toContain('Read what would be done');

    const first = await seeded('approver');
    const page = await ask('GET', `/approvals/${approval_id}`, { cookie: first.cookie });
    expect(page.text).toContain('What would be done');
    expect(page.text).toContain('U+202E');
    expect(page.text).toContain('&lt;script&gt;');
    expect(page.text).not.toContain('\u202e');
    expect(page.text).not.toContain('Tighter limits');

    const decide = (by: Client, more: object = {}) =>
      by.call<ApprovalView>('POST', `${path}/decision`, { decision: 'approve', digest, ...more });
    expect((await decide(developer)).status).toBe(403);
    expect((await decide(first.client, { conditions: { timeout_seconds: 5 } })).status).toBe(422);
    expect((await decide(first.client)).body).toMatchObject({ status: 'open' });
    expect((await decide(first.client)).status).toBe(409);
    const second = await approver();
    expect((await decide(second.client)).body).toMatchObject({ status: 'approved', approved_digest: digest });

    expect((await developer.call<ApprovalView>('GET', path)).body).toMatchObject({ status: 'approved', approved_digest: digest });
    const told = await until('the requester is told', () =>
      mailTo(userOf('developer').email, ({ text }) => text.includes(approval_id)),
    );
    expect(told.text).toContain('exactly the approved operation may be done now');
  });

  it('is asked for once, however often it is sent under one key, and taken back by whoever asked', async () => {
    const developer = await as('developer');
    const key = { 'idempotency-key': randomUUID() };
    const label = `export-${randomUUID()}`;
    const body = exportOf({ label });
    const answers = await Promise.all([1, 2, 3].map(() => request(developer, body, key)));
    expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201]);
    expect(new Set(answers.map((answer) => answer.body.approval_id)).size).toBe(1);
    const other = await request(developer, exportOf(), key);
    expect([other.status, problemOf(other).code]).toEqual([422, 'idempotency_mismatch']);

    const path = `/api/v1/approvals/${answers[0]?.body.approval_id}`;
    expect((await (await somebody('developer')).call('GET', path)).status).toBe(404);
    expect((await developer.call<ApprovalView>('POST', `${path}/withdraw`, {})).body).toMatchObject({ status: 'withdrawn' });
    const again = await request(developer, exportOf({ label }));
    expect(again.body.context.similar_operations).toMatchObject([
      { approval_id: answers[0]?.body.approval_id, execution_id: null, status: 'withdrawn' },
    ]);
  });

  it.each([
    ['an unknown type', { operation_type: 'launch' }, 'body.operation_type'],
    ['a run', { operation_type: 'code_execution' }, 'body.operation_type'],
    ['no summary', { summary: ' ' }, 'body.summary'],
    ['two lines of summary', { summary: 'one\ntwo' }, 'body.summary'],
    ['no reason where one is wanted', { justification: undefined }, 'body.justification'],
    ['somebody else’s team', { team: 'nobody-s' }, 'body.team'],
    ['a field nobody knows', { requester: 'me' }, 'body.requester'],
    ['an environment, which only runs have', { environment: 'python' }, 'body.environment'],
  ])('is refused with the field for %s', async (_, change, field) => {
    const answer = await request(await as('developer'), exportOf(change));
    expect([answer.status, problemOf(answer).errors?.map((error) => error.field)]).toEqual([422, [field]]);
  });

  it('is not for those who may only look', async () => {
    expect((await request(await as('viewer'), exportOf())).status).toBe(403);
  });
});
