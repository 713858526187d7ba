import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { DeliveryView } from '../../functions/contracts/notification.ts';
import { approvalOf, as, until, userOf } from '../support/airlock.ts';
import { functionVariable, output, settings } from '../support/faults.ts';
import { mailTo } from '../support/inbox.ts';
import { startSlack } from '../support/slack.ts';
import { type Measurement, repeat } from './measurement.ts';
import { withWaiting } from './waiting-requests.ts';

/** The request's opening → its message taken by the channel, on the product's own clock; a look at the other end says that it arrived. */
export const told: Measurement = {
  name: 'told',
  rounds: { usual: 10, full: 40 },
  async measure(rounds) {
    const slack = await startSlack({});
    const secrets = new SecretsManagerClient(settings);
    const put = (values: Record<string, string>) =>
      secrets.send(new PutSecretValueCommand({ SecretId: output('ChannelsSecretArn'), SecretString: JSON.stringify(values) }));
    await put({ SLACK_BOT_TOKEN: slack.token, SLACK_SIGNING_SECRET: slack.signingSecret });
    const putBack = await functionVariable('events/send-notifications', 'SLACK_API_URL', slack.apiUrl);
    const once = () =>
      withWaiting(async ({ approval_id, digest }) => {
        const { email } = userOf('approver');
        const openedAt = Date.parse((await approvalOf({ approval_id })).created_at);
        const sent = await until('both messages', () => sentOf(approval_id, email));
        await mailTo(email, ({ text }) => text.includes(digest));
        const isInSlack = [...slack.messages.values()].some(({ body }) => JSON.stringify(body).includes(digest));
        if (!isInSlack) throw new Error('it was sent to Slack, and never came there');
        return { mail: sent.mail - openedAt, slack: sent.slack - openedAt };
      });
    try {
      // The first finds functions that have not run yet.
      await once();
      const samples = await repeat(rounds, once);
      return [
        {
          what: 'request opened → mail to an approver handed over',
          unit: 'ms',
          samples: samples.map(({ mail }) => mail),
          bars: [],
        },
        { what: '  → message in the Slack channel', unit: 'ms', samples: samples.map((sample) => sample.slack), bars: [] },
      ];
    } finally {
      await put({});
      await putBack();
      await slack.stop();
    }
  },
};

async function sentOf(approvalId: string | null, email: string): Promise<{ mail: number; slack: number } | null> {
  const approver = await as('approver');
  const path = `/api/v1/approvals/${approvalId}/notifications`;
  const { body } = await approver.call<{ notifications?: DeliveryView[] }>('GET', path);
  const endOf = (matches: (message: DeliveryView) => boolean) =>
    body.notifications?.find((message) => message.asks && message.status === 'sent' && matches(message))?.ended_at;
  const mail = endOf(({ channel, recipient }) => channel === 'email' && recipient.name === email);
  const slack = endOf(({ channel, recipient }) => channel === 'slack' && recipient.kind === 'place');
  return mail && slack ? { mail: Date.parse(mail), slack: Date.parse(slack) } : null;
}
