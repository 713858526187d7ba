/** What holds of decisions over every channel, of buttons in Slack: pressed by a double that signs as Slack documents. */
import { randomUUID } from 'node:crypto';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { approvalChannelContract, stillOpen } from '../contract/approval-channel.ts';
import { approvalOf, finished, status } from '../support/airlock.ts';
import { type Approver, approver, type Channel, rewrite } from '../support/approval-channels.ts';
import { functionVariable, output, settings } from '../support/faults.ts';
import { type SlackMessageSeen, startSlack } from '../support/slack.ts';
import { type Waiting, waiting } from '../support/waiting.ts';

const members: Record<string, string> = {};
const slack = await startSlack(members);
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

const memberOf = ({ email }: Approver): string => {
  members[email] ??= `U${String(Object.keys(members).length + 1).padStart(10, '0')}`;
  return members[email];
};

/** A message in the room, with the buttons that a request of low risk has. */
const messageOf = (request: Waiting, digest: string): SlackMessageSeen => ({
  ...{ channel: 'C0000000001', ts: '1700000000.000001', changes: 0 },
  body: {
    blocks: [
      {
        elements: ['airlock_approve', 'airlock_deny'].map((action_id) => ({
          action_id,
          value: `${request.approval_id} ${digest}`,
        })),
      },
    ],
  },
});

async function press({ timestamp, signature, body }: ReturnType<typeof slack.press>): Promise<number> {
  const answer = await fetch(`${status.url}/api/v1/slack/interactions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': signature,
    },
    body,
  });
  await answer.text();
  return answer.status;
}

const inSlack: Channel = {
  name: 'Slack',
  open: async () => {},
  async decide(by, request, { digest = request.digest, decision = 'approve' } = {}) {
    const counted = async () =>
      (await approvalOf(request)).decisions.filter(({ approver }) => approver.user_id === by.client.user_id).length;
    const before = await counted();
    const action = decision === 'approve' ? 'airlock_approve' : 'airlock_deny';
    const answer = await press(slack.press(messageOf(request, digest), action, memberOf(by), new Date()));
    expect(answer).toBe(200);
    return (await counted()) > before ? 200 : 'refused';
  },
};

approvalChannelContract(inSlack);

it('the same press, delivered again, counts once', async () => {
  const request = await waiting({ code: `print("${randomUUID()}")` });
  const by = await approver();
  const pressed = slack.press(messageOf(request, request.digest), 'airlock_approve', memberOf(by), new Date());
  expect(await Promise.all([press(pressed), press(pressed), press(pressed)])).toEqual([200, 200, 200]);
  expect((await approvalOf(request)).decisions).toMatchObject([{ approver: { email: by.email } }]);
  const { audit_trail } = await finished(request.execution_id);
  expect(audit_trail.filter(({ action }) => action === 'run_started')).toHaveLength(1);
});

it('what is of high risk, or changes security, is decided elsewhere', async () => {
  const by = await approver();
  for (const [field, value] of [
    ['risk', { level: 'high', factors: [] }],
    ['operation_type', 'security_change'],
  ] as const) {
    const request = await waiting({ code: `print("${randomUUID()}")` });
    await rewrite(request, field, value);
    expect(await inSlack.decide(by, request)).toBe('refused');
    await stillOpen(request);
  }
});
