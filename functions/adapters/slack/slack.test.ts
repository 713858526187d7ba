import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { identityOf, NOW, openApprovalOf } from '../../../test/support/entities.ts';
import { noticeOf } from '../../../test/support/notices.ts';
import { startSlack } from '../../../test/support/slack.ts';
import type { Approval } from '../../contracts/approval.ts';
import type { Recipient } from '../../contracts/notification.ts';
import { messageOf } from '../../core/notification/message.ts';
import { queued } from '../../core/notification/queue.ts';
import { isFromSlack, peopleWith, permitInSlack, pressIn } from '../../core/notification/slack-interaction.ts';
import { slackSender } from './sender.ts';

const slack = await startSlack({ 'user-2@airlock.test': 'U0000000002' });
afterAll(slack.stop);
beforeEach(() => {
  slack.messages.clear();
  slack.faults.length = 0;
});

const room: Recipient = { kind: 'place', name: '#approvals' };
const person = (email: string): Recipient => ({ kind: 'person', user_id: 'user-2', email });
const bot = { channel: '#approvals', webhook_url: null, bot_token: 'SLACK_BOT_TOKEN', signing_secret: 'SLACK_SIGNING_SECRET' };
const hook = { channel: '#approvals', webhook_url: 'SLACK_WEBHOOK_URL', bot_token: null, signing_secret: null };
const secrets: Record<string, string> = { SLACK_BOT_TOKEN: slack.token, SLACK_WEBHOOK_URL: slack.webhookUrl };
const request = openApprovalOf();

function send(
  recipient: Recipient,
  more: { settings?: typeof bot | typeof hook; approval?: Approval; reference?: string; secrets?: Record<string, string> } = {},
) {
  const { settings = bot, approval = request, reference = null } = more;
  const secret = async (name: string) => (more.secrets ?? secrets)[name] ?? null;
  const notice = noticeOf(request, 1);
  const message = messageOf(notice, approval, 'https://airlock.example.com');
  const delivery = queued(notice, recipient, 'slack', NOW);
  return slackSender({ slack: settings, secret, apiUrl: slack.apiUrl }).send({
    delivery,
    approval,
    message,
    reference,
    now: NOW,
  });
}
const [denied]: Approval[] = [{ ...request, status: 'denied', closed_at: NOW.toISOString() }];

describe('Slack', () => {
  it('has the message in the room, with buttons, and later the outcome in its place', async () => {
    const sent = await send(room);
    expect(sent).toEqual({ outcome: 'sent', reference: 'C0000000001 1700000000.000001' });
    const seen = () => JSON.stringify([...slack.messages.values()].map((message) => message.body));
    expect(seen()).toContain('airlock_approve');
    if (sent.outcome !== 'sent' || sent.reference === null) throw new Error('it was sent');
    expect(await send(room, { approval: denied ?? request, reference: sent.reference })).toMatchObject({ outcome: 'sent' });
    expect(slack.messages.size).toBe(1);
    expect(seen()).not.toContain('airlock_approve');
    expect(seen()).toContain('Outcome: denied');
  });

  it('reaches a person under the address Slack knows, and nobody under another', async () => {
    expect(await send(person('user-2@airlock.test'))).toMatchObject({
      outcome: 'sent',
      reference: expect.stringMatching(/^D0000000002 /),
    });
    expect(await send(person('user-9@airlock.test'))).toEqual({ outcome: 'refused', reason: 'users_not_found', isFinal: true });
  });

  it('gets nothing without the token, and is not asked without one', async () => {
    expect(await send(room, { secrets: { SLACK_BOT_TOKEN: 'xoxb-other' } })).toEqual({
      outcome: 'refused',
      reason: 'invalid_auth',
      isFinal: true,
    });
    const before = slack.calls.length;
    expect(await send(room, { secrets: {} })).toMatchObject({ outcome: 'off' });
    expect(slack.calls).toHaveLength(before);
  });

  it('is asked again after the time it names, not after what may have worked, and after what never will', async () => {
    slack.faults.push({ status: 429, body: '', headers: { 'retry-after': '7' } });
    expect(await send(room)).toEqual({
      outcome: 'refused',
      reason: 'ratelimited',
      isFinal: false,
      isBusy: true,
      retryAfterSeconds: 7,
    });
    slack.faults.push('hang up');
    expect(await send(room)).toMatchObject({ outcome: 'unknown' });
    slack.faults.push({ status: 200, body: '{"ok":false,"error":"fatal_error"}' });
    expect(await send(room)).toEqual({ outcome: 'unknown', reason: 'fatal_error' });
    slack.faults.push({ status: 503, body: '' });
    expect(await send(room)).toMatchObject({ outcome: 'unknown' });
    slack.faults.push({ status: 200, body: '{"ok":false,"error":"is_archived"}' });
    expect(await send(room)).toMatchObject({ outcome: 'refused', isFinal: true });
  });

  it('was surely not told when nobody listens there', async () => {
    const gone = await startSlack({});
    await gone.stop();
    const secret = async () => 'token';
    const delivery = queued(noticeOf(request, 1), room, 'slack', NOW);
    const message = messageOf(noticeOf(request, 1), request, null);
    const ended = await slackSender({ slack: bot, secret, apiUrl: gone.apiUrl }).send({
      delivery,
      approval: request,
      message,
      reference: null,
      now: NOW,
    });
    expect(ended).toEqual({ outcome: 'refused', reason: 'ECONNREFUSED', isFinal: false });
  });

  it('has the message in its channel by an incoming webhook too, without buttons that decide', async () => {
    expect(await send(room, { settings: hook })).toEqual({ outcome: 'sent', reference: null });
    expect(JSON.stringify(slack.webhookBodies.at(-1))).toContain('airlock_open');
    expect(JSON.stringify(slack.webhookBodies.at(-1))).not.toMatch(/airlock_approve|airlock_deny/);
    expect(await send(person('user-2@airlock.test'), { settings: hook })).toMatchObject({ outcome: 'refused', isFinal: true });
  });
});

describe('a press on a button', () => {
  const pressed = async (at = NOW) => {
    await send(room);
    const [message] = slack.messages.values();
    if (!message) throw new Error('the message is there');
    return slack.press(message, 'airlock_approve', 'U0000000002', at);
  };

  it('names the request, the digest that was shown, and who pressed', async () => {
    const came = await pressed();
    expect(isFromSlack(came, slack.signingSecret, NOW)).toBe(true);
    expect(pressIn(came.body)).toEqual({
      slackUserId: 'U0000000002',
      slackChannelId: 'C0000000001',
      approvalId: request.approval_id,
      wanted: { decision: 'approve', digest: request.digest },
    });
  });

  it('counts for nothing when it is older than five minutes, of the future, changed, or signed by somebody else', async () => {
    const came = await pressed();
    const isGenuine = (change: Partial<typeof came>, seconds = 0, secret = slack.signingSecret) =>
      isFromSlack({ ...came, ...change }, secret, new Date(NOW.getTime() + seconds * 1000));
    expect(isGenuine({}, 300)).toBe(true);
    expect(isGenuine({}, 301)).toBe(false);
    expect(isGenuine({}, -301)).toBe(false);
    expect(isGenuine({ body: `${came.body}&x=1` })).toBe(false);
    expect(isGenuine({ timestamp: String(Number(came.timestamp) + 1) })).toBe(false);
    expect(isGenuine({}, 0, 'another secret')).toBe(false);
    expect(isGenuine({}, 0, '')).toBe(false);
    for (const signature of [
      undefined,
      '',
      'v0=',
      came.signature.slice(0, -1),
      came.signature.replace('v0', 'v1'),
      `${came.signature}00`,
    ])
      expect(isFromSlack({ ...came, signature }, slack.signingSecret, NOW), signature).toBe(false);
  });

  it('is verified as in the example of Slack’s documentation', () => {
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    const signature = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503';
    expect(isFromSlack({ timestamp: '1531420618', signature, body }, slack.signingSecret, new Date(1531420618000))).toBe(true);
  });

  it('decides nothing when it is another button, several, or no request', () => {
    const bodyOf = (actions: unknown, more = {}) =>
      new URLSearchParams({
        payload: JSON.stringify({ type: 'block_actions', user: { id: 'U1' }, actions, ...more }),
      }).toString();
    const action = { action_id: 'airlock_approve', value: `${request.approval_id} ${request.digest}` };
    expect(pressIn(bodyOf([action]))).not.toBeNull();
    for (const body of [
      '',
      'payload=%7B',
      `${bodyOf([action])}&${bodyOf([action])}`,
      bodyOf([action, action]),
      bodyOf([{ action_id: 'airlock_open' }]),
      bodyOf([{ ...action, action_id: 'toString' }]),
      bodyOf([{ ...action, value: `${action.value} x` }]),
      bodyOf([{ ...action, value: 'apr_1 abc' }]),
      bodyOf([action], { type: 'view_submission' }),
      bodyOf([action], { user: { id: 'user-2' } }),
    ])
      expect(pressIn(body), body).toBeNull();
  });
});

describe('who may decide in Slack', () => {
  const somebody = identityOf('user-2', { roles: ['approver'] });
  const medium: Approval = { ...request, risk: { level: 'medium', factors: [] } };

  it('is the one person with the address that Slack verified, up to medium risk', () => {
    expect(permitInSlack(medium, [somebody])).toEqual({ may: true, person: somebody });
    expect(permitInSlack(medium, [])).toMatchObject({ may: false });
    expect(permitInSlack(medium, [somebody, identityOf('user-3')])).toMatchObject({ may: false });
    expect(permitInSlack(medium, [{ ...somebody, disabled: true }])).toMatchObject({ may: false });
  });

  it('is whoever has the address by their own row now, whatever the list still says', async () => {
    const listed = [somebody, identityOf('user-3'), { ...identityOf('user-4'), email: somebody.email }];
    const rows = [
      { ...somebody, email: somebody.email.toUpperCase(), roles: [], disabled: true },
      identityOf('user-3'),
      { ...identityOf('user-4'), email: 'another@airlock.test' },
    ];
    const identities = { get: async (id: string) => rows.find((row) => row.user_id === id) ?? null };
    expect(await peopleWith(somebody.email, listed, identities)).toEqual([rows[0]]);
    expect(await peopleWith(null, listed, identities)).toEqual([]);
  });

  it('is nobody above it, or where the operation is a change of security', () => {
    for (const more of [{ risk: { level: 'high' as const, factors: [] } }, { operation_type: 'security_change' }])
      expect(permitInSlack({ ...medium, ...more }, [somebody])).toMatchObject({
        may: false,
        because: expect.stringContaining('Sign in'),
      });
  });
});
