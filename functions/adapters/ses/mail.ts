import { SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2';
import type { Email } from '../../core/notification/email.ts';

/** One try: whether another one is safe is known to whoever sends. */
const client = new SESv2Client({
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
});

const utf8 = (Data: string) => ({ Data, Charset: 'UTF-8' });

/** To one person, as text and as HTML. What was mailed cannot be changed later. */
export async function sendMail(fromAddress: string, to: string, { subject, text, html }: Email): Promise<void> {
  await client.send(
    new SendEmailCommand({
      FromEmailAddress: fromAddress,
      Destination: { ToAddresses: [to] },
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
}
