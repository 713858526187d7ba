import { emailOf } from '../../core/notification/email.ts';
import type { ChannelSender } from '../../core/notification/ports.ts';
import type { NotificationChannels } from '../../core/policy/notification-channels.ts';
import { sendFailureOf } from '../send-failure.ts';
import { sendMail } from './mail.ts';

export function sesSender({ from_address }: Pick<NonNullable<NotificationChannels['email']>, 'from_address'>): ChannelSender {
  return {
    async send({ delivery, message }) {
      const { recipient } = delivery;
      if (recipient.kind !== 'person') return { outcome: 'refused', reason: 'Mail goes to people.', isFinal: true };
      try {
        await sendMail(from_address, recipient.email, emailOf(message));
      } catch (error) {
        return sendFailureOf(error);
      }
      return { outcome: 'sent', reference: null };
    },
  };
}
