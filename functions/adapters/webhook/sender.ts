import type { ChannelSender, SendResult } from '../../core/notification/ports.ts';
import { webhookBodyOf } from '../../core/notification/webhook.ts';
import { signedHeaders } from '../../core/notification/webhook-signature.ts';
import type { NotificationChannels } from '../../core/policy/notification-channels.ts';
import { type PostEnd, post } from '../http/post.ts';
import type { ReadSecret } from '../secrets.ts';

interface Settings {
  readonly webhook: NonNullable<NotificationChannels['webhook']>;
  readonly secret: ReadSecret;
  /** False only where a test listens on this machine. */
  readonly publicOnly?: boolean;
}

const TIMEOUT_MS = 15_000;

/** Signed, by https, to addresses of the public internet alone; a redirect is a refusal. */
export function webhookSender({ webhook, secret, publicOnly = true }: Settings): ChannelSender {
  return {
    async send({ delivery, approval, message, now }) {
      const key = await secret(webhook.secret);
      const url = webhook.url.kind === 'address' ? webhook.url.address : await secret(webhook.url.name);
      if (key === null || url === null) return { outcome: 'off', reason: 'The secret of the channel is not there.' };
      if (!URL.canParse(url)) return refused('The address is none.');
      const body = JSON.stringify(webhookBodyOf(delivery, approval, message));
      const signed = signedHeaders(key, delivery.delivery_id, now, body);
      if (!signed) return refused('The signing secret is not whsec_ and 24 bytes or more in base64.');
      const headers = { ...signed, 'content-type': 'application/json', 'user-agent': 'Airlock' };
      return resultOf(await post({ url, headers, body, timeoutMs: TIMEOUT_MS, publicOnly }));
    },
  };
}

const refused = (reason: string): SendResult => ({ outcome: 'refused', reason, isFinal: true });

/** As the specification says: 2xx is received, 410 means never again, everything else is worth another try. */
function resultOf(ended: PostEnd): SendResult {
  if (ended.kind === 'not_sent') return { outcome: 'refused', reason: ended.reason, isFinal: ended.isFinal };
  if (ended.kind === 'no_answer') return { outcome: 'unknown', reason: ended.reason };
  if (ended.status >= 200 && ended.status < 300) return { outcome: 'sent', reference: null };
  const reason = `The receiver answered ${ended.status}.`;
  const retryAfterSeconds = ended.retryAfterSeconds ?? undefined;
  return {
    ...{ outcome: 'refused', reason, isFinal: ended.status === 410 },
    ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
    ...(ended.status === 429 ? { isBusy: true } : {}),
  };
}
