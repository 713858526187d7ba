import { SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2';
import { emailOf } from '../../core/notification/email.ts';
import type { ChannelSender } from '../../core/notification/ports.ts';
import type { NotificationChannels } from '../../core/policy/notification-channels.ts';
import { sendFailureOf } from '../send-failure.ts';

/** One try: whether another one is safe is decided where the message's row is. */
const client = new SESv2Client({
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
});

const utf8 = (Data: string) => ({ Data, Charset: 'UTF-8' });

/** To one person, as text and as HTML. What was mailed cannot be changed later. */
export function sesSender({ from_address }: NonNullable<NotificationChannels['email']>): ChannelSender {
  return {
    async send({ delivery, message }) {
      const { recipient } = delivery;
      if (recipient.kind !== 'person') return { outcome: 'refused', reason: 'Mail goes to people.', isFinal: true };
      const { subject, text, html } = emailOf(message);
      try {
        await client.send(
          new SendEmailCommand({
            FromEmailAddress: from_address,
            Destination: { ToAddresses: [recipient.email] },
            Content: {
              Simple: {
                Subject: utf8(subject),
                Body: { Text: utf8(text), Html: utf8(html) },
                // Nobody's absence note comes back for it.
                Headers: [{ Name: 'Auto-Submitted', Value: 'auto-generated' }],
              },
            },
          }),
        );
      } catch (error) {
        return sendFailureOf(error);
      }
      return { outcome: 'sent', reference: null };
    },
  };
}
