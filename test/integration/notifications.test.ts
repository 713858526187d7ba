/** Who is told of an approval request, through the deployed functions: from the request's table to the outbox. */
import { describe, expect, it } from 'vitest';
import type { ApprovalMetrics } from '../../functions/contracts/approval-metrics.ts';
import type { DeliveryView } from '../../functions/contracts/notification.ts';
import { approvalOf, as, type Client, status, submit, until, userOf } from '../support/airlock.ts';
import { mailTo } from '../support/inbox.ts';
import { somebody } from '../support/people.ts';

const CODE = 'print("ran <script>alert(1)</script>")';
const program = { language: 'python' as const, code: CODE, approval_required: true };
/** The request is opened a moment after its execution; until then there is none. */
const messagesOf = async (client: Client, approvalId: string | null): Promise<DeliveryView[]> =>
  (await client.call<{ notifications?: DeliveryView[] }>('GET', `/api/v1/approvals/${approvalId}/notifications`)).body
    .notifications ?? [];

describe('a request that waits', () => {
  it('has one message for each person who may decide it, none for others, and later one for whoever asked', async () => {
    const approver = await somebody('approver');
    const viewer = await somebody('viewer');
    const execution = await submit(program);
    const told = await until('the approver is told', async () => {
      const messages = await messagesOf(approver, execution.approval_id);
      return messages.some((message) => message.recipient.name === approver.email) ? messages : null;
    });
    const people = told.filter((message) => message.recipient.kind === 'person').map((message) => message.recipient.name);
    expect(new Set(people).size).toBe(people.length);
    expect(people).not.toContain(viewer.email);
    expect(people).not.toContain(userOf('developer').email);

    await approver.call('POST', `/api/v1/approvals/${execution.approval_id}/decision`, {
      decision: 'deny',
      digest: execution.digest,
    });
    await until('the requester is told', async () => {
      const messages = await messagesOf(approver, execution.approval_id);
      const { email } = userOf('developer');
      return messages.some(({ event, asks, recipient }) => event === 'denied' && !asks && recipient.name === email);
    });
  });
});

describe('mail', () => {
  it('asks the approver in text and HTML, with a link that decides nothing and no code; later it tells the requester', async () => {
    const approver = await somebody('approver');
    const execution = await submit({ ...program, justification: '<img src=x onerror=alert(1)> https://evil.example \u202e' });
    const asked = await mailTo(approver.email, ({ text }) => text.includes(String(execution.approval_id)));
    expect(asked.subject).toMatch(/^\[\w+ risk\] Your decision is needed/);
    expect(asked.from).toMatchObject([{ address: 'approvals@airlock.example.com' }]);
    const link = `${status.url}/approvals/${execution.approval_id}`;
    for (const part of [asked.text, asked.html]) {
      expect(part).toContain(link);
      expect(part).toContain(execution.digest);
      expect(part).toContain('U+202E');
      expect(part).not.toContain('https://evil.example');
      expect(part).not.toContain('alert(1)</script>');
      expect(part).not.toContain('\u202e');
    }
    expect(asked.html).not.toContain('<img');
    expect(asked.html).toContain('&lt;img');

    // A program that looks at every link, as scanners of mail do.
    for (const method of ['HEAD', 'GET']) await fetch(link, { method, redirect: 'manual' });
    expect(await approvalOf(execution)).toMatchObject({ status: 'open', decisions: [] });

    await approver.call('POST', `/api/v1/approvals/${execution.approval_id}/decision`, {
      decision: 'deny',
      digest: execution.digest,
    });
    const told = await mailTo(userOf('developer').email, ({ text }) => text.includes(String(execution.approval_id)));
    expect(told.subject).toMatch(/^\[\w+ risk\] Denied/);
    expect(told.text).toContain(`decided by ${approver.email}`);

    const admin = await as('admin');
    await until('what was sent is counted', async () => {
      const sent = (await messagesOf(approver, execution.approval_id)).filter(
        (one) => one.recipient.name === approver.email && one.status === 'sent' && one.updates === null,
      ).length;
      const { body } = await admin.call<ApprovalMetrics>('GET', '/api/v1/approvals/metrics');
      const counted = body.notifications.by_person.find(({ person }) => person.email === approver.email);
      return sent > 0 && counted?.messages === sent;
    });
    const { body } = await admin.call<ApprovalMetrics>('GET', '/api/v1/approvals/metrics');
    expect(body.by_approver.find(({ approver: { email } }) => email === approver.email)).toMatchObject({
      approved: 0,
      denied: 1,
    });
    const messages = await messagesOf(approver, execution.approval_id);
    expect(messages.filter(({ asks, recipient }) => asks && recipient.name === approver.email)).toMatchObject([
      { channel: 'email', status: 'sent', attempts: 1, last_error: null },
    ]);
  });
});

describe('how somebody is told', () => {
  it('is as they say, and a wrong answer names the field', async () => {
    const person = await somebody('approver');
    const path = '/api/v1/me/notifications';
    expect((await person.call('GET', path)).body).toEqual({
      channels: ['email', 'slack', 'sms'],
      quiet_hours: null,
      tell_outcomes: true,
    });
    const mine = {
      channels: ['sms', 'email'],
      quiet_hours: { from: '22:00', until: '07:00', time_zone: 'Europe/Berlin' },
      tell_outcomes: false,
    };
    expect(await person.call('PUT', path, mine)).toMatchObject({ status: 200, body: mine });
    expect((await person.call('GET', path)).body).toEqual(mine);
    for (const [change, field] of [
      [{ channels: [] }, 'body.channels'],
      [{ channels: ['email', 'email'] }, 'body.channels'],
      [{ channels: ['pigeon'] }, 'body.channels[0]'],
      [{ quiet_hours: { ...mine.quiet_hours, time_zone: 'Middle/Earth' } }, 'body.quiet_hours.time_zone'],
      [{ quiet_hours: { ...mine.quiet_hours, from: '25:00' } }, 'body.quiet_hours.from'],
      [{ quiet_hours: { ...mine.quiet_hours, from: '07:00' } }, 'body.quiet_hours'],
      [{ email: 'somebody@else.test' }, 'body.email'],
    ] as const) {
      const answer = await person.call<{ errors: { field: string }[] }>('PUT', path, { ...mine, ...change });
      expect([answer.status, answer.body.errors.map((error) => error.field)], JSON.stringify(change)).toEqual([422, [field]]);
    }
  });
});
