/** Deciding by a button in Slack, through the deployed functions, with a double of Slack that checks tokens and signs as Slack documents. */
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalOf, finished, status, submit, until, userOf } from '../support/airlock.ts';
import { functionVariable, output, settings } from '../support/faults.ts';
import { somebody } from '../support/people.ts';
import { type SlackMessageSeen, startSlack } from '../support/slack.ts';

const MEMBER = 'U0000000002';
const STRANGER = 'U0000000009';
const NOBODY = 'U0000000008';
const approver = await somebody('approver');
const slack = await startSlack(
  { [approver.email]: MEMBER, 'nobody@airlock.test': NOBODY },
  // Another company says that its employee has this address.
  { [userOf('approver').email]: STRANGER },
);
const secrets = new SecretsManagerClient(settings);
const put = (values: Record<string, string>) =>
  secrets.send(new PutSecretValueCommand({ SecretId: output('ChannelsSecretArn'), SecretString: JSON.stringify(values) }));
const restore: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  await put({ SLACK_BOT_TOKEN: slack.token, SLACK_SIGNING_SECRET: slack.signingSecret });
  for (const path of ['events/send-notifications', 'api/slack'])
    restore.push(await functionVariable(path, 'SLACK_API_URL', slack.apiUrl));
});
afterAll(async () => {
  await put({});
  for (const back of restore) await back();
  await slack.stop();
});

/** A request of low risk that waits, and its message in the room. */
async function asked() {
  const execution = await submit({ language: 'python', code: 'print("decided in Slack")', approval_required: true });
  const message = await until('the message in Slack', async () =>
    [...slack.messages.values()].find(
      ({ channel, body }) => channel.startsWith('C') && JSON.stringify(body).includes(execution.digest),
    ),
  );
  return { execution, message };
}

async function press(message: SlackMessageSeen, member: string, at = new Date()) {
  const { timestamp, signature, body } = slack.press(message, 'airlock_approve', member, at);
  return await send(body, { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature });
}

async function send(body: string, headers: Record<string, string>): Promise<number> {
  const answer = await fetch(`${status.url}/api/v1/slack/interactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  });
  await answer.text();
  return answer.status;
}

describe('a button in Slack', () => {
  it('decides for the one approver of that address; the message loses its buttons, and exactly that code runs', async () => {
    const { execution, message } = await asked();
    expect(JSON.stringify(message.body)).toContain(`${status.url}/approvals/${execution.approval_id}`);
    expect(await press(message, MEMBER)).toBe(200);
    const decided = await approvalOf(execution);
    expect(decided).toMatchObject({
      status: 'approved',
      decisions: [{ decision: 'approve', approver: { email: approver.email } }],
    });
    expect(await finished(execution.execution_id)).toMatchObject({ status: 'completed', output: 'decided in Slack\n' });
    await until('the message to say so', async () => {
      const text = JSON.stringify(slack.messages.get(`${message.channel} ${message.ts}`)?.body);
      return text.includes('Outcome: approved') && !text.includes('airlock_approve');
    });
  });

  it('decides nothing for strangers, for whoever is not known, unsigned, changed, or replayed; who pressed is told where to go', async () => {
    const { execution, message } = await asked();
    expect(await press(message, STRANGER)).toBe(200);
    expect(await press(message, NOBODY)).toBe(200);
    for (const member of [STRANGER, NOBODY]) {
      const told = slack.whispers.find(({ to }) => to === member);
      expect(told?.text).toContain('Sign in to decide');
      expect(told?.text).toContain(`${status.url}/approvals/${execution.approval_id}`);
    }
    expect(await press(message, MEMBER, new Date(Date.now() - 6 * 60_000))).toBe(401);
    const { timestamp, signature, body } = slack.press(message, 'airlock_approve', MEMBER, new Date());
    const signed = { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature };
    expect(await send(body.replace('airlock_approve', 'airlock_deny'), signed)).toBe(401);
    expect(await send(body, {})).toBe(401);
    expect(await approvalOf(execution)).toMatchObject({ status: 'open', decisions: [] });
  });
});
