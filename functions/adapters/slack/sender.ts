import { z } from 'zod';
import type { ChannelSender, Outgoing, SendResult } from '../../core/notification/ports.ts';
import { slackMessageOf } from '../../core/notification/slack.ts';
import type { NotificationChannels } from '../../core/policy/notification-channels.ts';
import type { ReadSecret } from '../secrets.ts';
import { callSlack, postToSlackWebhook, SLACK_API, type SlackAnswer } from './web-api.ts';

interface Settings {
  readonly slack: NonNullable<NotificationChannels['slack']>;
  readonly secret: ReadSecret;
  readonly apiUrl?: string;
}

const NOT_THERE = { outcome: 'off', reason: 'The secret of the channel is not there.' } as const;

/** To a room by a bot or an incoming webhook; to a person, and to change what was said, by a bot alone. */
export function slackSender({ slack, secret, apiUrl = SLACK_API }: Settings): ChannelSender {
  return {
    async send(outgoing) {
      if (slack.bot_token === null) return sendByWebhook(slack.webhook_url, secret, outgoing);
      const token = await secret(slack.bot_token);
      if (token === null) return NOT_THERE;
      const connection = { apiUrl, token };
      const message = slackMessageOf(outgoing.message, outgoing.approval, slack.signing_secret !== null);
      if (outgoing.reference !== null) {
        const [channel, ts] = outgoing.reference.split(' ');
        return resultOf(await callSlack(connection, 'chat.update', { channel, ts, ...message }));
      }
      const { recipient } = outgoing.delivery;
      const channel = recipient.kind === 'place' ? slack.channel : await memberOf(connection, recipient.email);
      if (typeof channel !== 'string') return channel;
      const posted = await callSlack(connection, 'chat.postMessage', {
        channel,
        ...message,
        unfurl_links: false,
        unfurl_media: false,
        mrkdwn: false,
      });
      return resultOf(posted);
    },
  };
}

async function sendByWebhook(
  reference: string | null,
  secret: ReadSecret,
  { message, approval, delivery }: Outgoing,
): Promise<SendResult> {
  const url = reference === null ? null : await secret(reference);
  if (url === null) return NOT_THERE;
  if (delivery.recipient.kind !== 'place') {
    return { outcome: 'refused', reason: 'An incoming webhook reaches its channel alone.', isFinal: true };
  }
  return resultOf(await postToSlackWebhook(url, { ...slackMessageOf(message, approval, false) }));
}

const member = z.object({ user: z.object({ id: z.string().min(1) }) });
const posted = z.object({ channel: z.string().min(1), ts: z.string().min(1) });

/** Who in Slack has this e-mail address; looking it up sends nothing. */
async function memberOf(connection: { apiUrl: string; token: string }, email: string): Promise<string | SendResult> {
  const found = await callSlack(connection, 'users.lookupByEmail', { email });
  if (found.outcome === 'unknown') return { outcome: 'refused', reason: found.reason, isFinal: false };
  if (found.outcome === 'refused') return found;
  return member.safeParse(found.value).data?.user.id ?? { outcome: 'refused', reason: 'Slack named nobody.', isFinal: true };
}

function resultOf(answer: SlackAnswer): SendResult {
  if (answer.outcome !== 'ok') return answer;
  const named = posted.safeParse(answer.value);
  return { outcome: 'sent', reference: named.success ? `${named.data.channel} ${named.data.ts}` : null };
}
