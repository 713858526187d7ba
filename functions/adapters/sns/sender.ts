import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Recipient } from '../../contracts/notification.ts';
import type { ChannelSender } from '../../core/notification/ports.ts';
import { smsOf } from '../../core/notification/sms.ts';
import type { NotificationChannels } from '../../core/policy/notification-channels.ts';
import { sendFailureOf } from '../send-failure.ts';

/** One try: whether another one is safe is decided where the message's row is. */
const client = new SNSClient({
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
});

/** Only to numbers that the owner's configuration names, now: whoever was taken out of it since hears nothing. */
export function snsSender({ numbers }: NonNullable<NotificationChannels['sms']>): ChannelSender {
  const numberOf = (recipient: Recipient): string | undefined =>
    numbers.find(({ number, person }) =>
      recipient.kind === 'person'
        ? person?.toLowerCase() === recipient.email.toLowerCase()
        : person === null && number === recipient.name,
    )?.number;
  return {
    async send({ delivery, message }) {
      const number = numberOf(delivery.recipient);
      if (number === undefined) return { outcome: 'refused', reason: 'No phone number of theirs is known.', isFinal: true };
      try {
        await client.send(
          new PublishCommand({
            PhoneNumber: number,
            Message: smsOf(message),
            MessageAttributes: { 'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' } },
          }),
        );
      } catch (error) {
        return sendFailureOf(error);
      }
      return { outcome: 'sent', reference: null };
    },
  };
}
