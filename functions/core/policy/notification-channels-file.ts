/** `notification_channels` of hitl-mcp.yaml as owners write them, with the seed's keys. */
import { z } from 'zod';
import { exactly, section, whole } from './configuration-values.ts';
import type { NotificationChannels } from './notification-channels.ts';

const REFERENCE = /^\$\{([A-Z][A-Z0-9_]{0,63})\}$/;

const secret = (what: string) => {
  const error = `a reference to ${what}, as \${NAME}: secrets are never in a file`;
  return z
    .string({ error })
    .regex(REFERENCE, { error })
    .transform((text) => nameIn(text));
};
const nameIn = (text: string): string => REFERENCE.exec(text)?.[1] ?? '';

const emailAddress = z.email({ error: 'an e-mail address' });
const phoneError = { error: 'a phone number with the code of its country, as "+12025550123"' };
const phone = z.string(phoneError).regex(/^\+[1-9]\d{6,14}$/, phoneError);
const addressError = { error: `an https address, or a reference as \${NAME}` };

/** Where the API stands for people; in links it is followed by a path. */
export const publicUrl = z.url({ protocol: /^https$/, error: 'the https address under which people reach Airlock' });

const email = section({
  smtp_server: z.never({ error: 'nothing: mail goes through SES' }).optional(),
  from_address: emailAddress,
  personal_link_hours: whole('hours', 0, 72).default(72),
});

const slack = section({
  webhook_url: secret('the address of an incoming webhook').optional(),
  bot_token: secret('the token of a bot').optional(),
  signing_secret: secret('the signing secret of the app').optional(),
  channel: z
    .string({ error: 'a channel, as "#approvals" or its id' })
    .regex(/^(#[^\s#@<>]{1,79}|[CG][A-Z0-9]{5,20})$/, { error: 'a channel, as "#approvals" or its id' }),
}).superRefine((value, context) => {
  if ((value.webhook_url === undefined) === (value.bot_token === undefined)) {
    context.addIssue({ code: 'custom', message: 'either a webhook_url or a bot_token' });
  }
  if (value.signing_secret !== undefined && value.bot_token === undefined) {
    context.addIssue({ code: 'custom', path: ['signing_secret'], message: 'a bot_token beside it: only bots have buttons' });
  }
});

const sms = section({
  provider: exactly('sns', 'no other service is supported'),
  numbers: z
    .array(
      z.union([phone.transform((number) => ({ number, person: null })), section({ number: phone, person: emailAddress })], {
        error: 'a phone number, or a mapping with the keys number, person',
      }),
      { error: 'a list of phone numbers' },
    )
    .min(1, { error: 'at least one phone number' })
    .max(200, { error: 'at most 200 phone numbers' }),
});

const webhook = section({
  url: z
    .string(addressError)
    .refine((text) => REFERENCE.test(text) || publicUrl.safeParse(text).success, addressError)
    .transform((text) =>
      REFERENCE.test(text) ? { kind: 'reference' as const, name: nameIn(text) } : { kind: 'address' as const, address: text },
    ),
  secret: secret('the signing secret'),
});

/** A channel left out is none. */
export const notificationChannels = section({
  email: email.optional(),
  slack: slack.optional(),
  sms: sms.optional(),
  webhook: webhook.optional(),
})
  .default({})
  .transform(
    (channels): NotificationChannels => ({
      email: channels.email
        ? { from_address: channels.email.from_address, personal_link_hours: channels.email.personal_link_hours }
        : null,
      slack: channels.slack
        ? {
            channel: channels.slack.channel,
            webhook_url: channels.slack.webhook_url ?? null,
            bot_token: channels.slack.bot_token ?? null,
            signing_secret: channels.slack.signing_secret ?? null,
          }
        : null,
      sms: channels.sms ? { numbers: channels.sms.numbers } : null,
      webhook: channels.webhook ?? null,
    }),
  );
