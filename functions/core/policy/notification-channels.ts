/** The channels as functions read them. A reference is the name under which the secret of the channels holds a value, never the value. */
import { z } from 'zod';

const reference = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/);

export const notificationChannels = z.strictObject({
  /** `personal_link_hours`: how long the link of a mail is good; 0: its links are as everybody's. */
  email: z.strictObject({ from_address: z.string(), personal_link_hours: z.int().min(0).max(72) }).nullable(),
  slack: z
    .strictObject({
      channel: z.string(),
      webhook_url: reference.nullable(),
      bot_token: reference.nullable(),
      signing_secret: reference.nullable(),
    })
    .nullable(),
  /** `person`: whose number it is, by e-mail address; null: whoever is on duty. */
  sms: z.strictObject({ numbers: z.array(z.strictObject({ number: z.string(), person: z.string().nullable() })) }).nullable(),
  webhook: z
    .strictObject({
      url: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('address'), address: z.string() }),
        z.strictObject({ kind: z.literal('reference'), name: reference }),
      ]),
      secret: reference,
    })
    .nullable(),
});
export type NotificationChannels = z.infer<typeof notificationChannels>;
