/** What is said to whom about an approval request, by which channel, and what became of it. */
import { z } from 'zod';
import { approvalNotice } from './approval-notice.ts';
import { requester, timestamp } from './execution.ts';
import { approvalId, approvalNoticeId, deliveryId } from './ids.ts';

/** What the log says of a message that reached its recipient by no channel; an alarm counts it. */
export const MESSAGE_DEAD = 'message dead';

export const CHANNELS = ['email', 'slack', 'sms', 'webhook'] as const;
export const channel = z.enum(CHANNELS);
export type Channel = z.infer<typeof channel>;

/** Channels that reach one person; a webhook is read by a program. */
export const personalChannel = z.enum(['email', 'slack', 'sms']);
export type PersonalChannel = z.infer<typeof personalChannel>;

/** A person, or a place that others read as well: a room, a shared phone, a program. */
const recipient = z.discriminatedUnion('kind', [
  requester.extend({ kind: z.literal('person') }),
  z.object({ kind: z.literal('place'), name: z.string() }),
]);
export type Recipient = z.infer<typeof recipient>;

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day as 22:00');
const timeZone = z
  .string()
  .max(64)
  .refine((name) => isTimeZone(name), 'expected the name of a time zone, as Europe/Berlin');

/** Between these two times of day nothing is sent; it comes when they are over. Clocks of requests run on. */
export const quietHours = z
  .strictObject({ from: timeOfDay, until: timeOfDay, time_zone: timeZone })
  .refine(({ from, until }) => from !== until, 'expected two different times');
export type QuietHours = z.infer<typeof quietHours>;

/** What one person wants. The first channel that can reach them is used, the next ones if it fails. */
export const notificationPreferences = z.strictObject({
  channels: z
    .array(personalChannel)
    .min(1)
    .max(personalChannel.options.length)
    .refine((all) => new Set(all).size === all.length, 'expected each channel once'),
  quiet_hours: quietHours.nullable(),
  /** False: told of requests to decide, and not of what becomes of them. */
  tell_outcomes: z.boolean(),
});
export type NotificationPreferences = z.infer<typeof notificationPreferences>;

export const DEFAULT_PREFERENCES: NotificationPreferences = {
  channels: ['email', 'slack', 'sms'],
  quiet_hours: null,
  tell_outcomes: true,
};

const common = {
  delivery_id: deliveryId,
  approval_id: approvalId,
  notice_id: approvalNoticeId,
  event: approvalNotice.shape.event,
  asks: z.boolean(),
  noticed_at: timestamp,
  recipient,
  channel,
  /** Tried one after the other when this one gives up. */
  fall_backs: z.array(personalChannel),
  /** The message that this one takes the place of; null: a new one. */
  updates: deliveryId.nullable(),
  attempts: z.int().nonnegative(),
  last_error: z.string().nullable(),
  created_at: timestamp,
  updated_at: timestamp,
  /** DynamoDB forgets it then. */
  expires_at_seconds: z.int().positive(),
};

/** One message to one recipient by one channel. There is one row for it, so it is sent at most once unless it was surely not sent. */
export const delivery = z.discriminatedUnion('status', [
  z.object({ ...common, status: z.literal('queued'), due_at: timestamp }),
  /** Somebody is sending it; whether it arrived is unknown when nothing more is heard until `due_at`. */
  z.object({ ...common, status: z.literal('sending'), due_at: timestamp }),
  /** `reference` names the message to its channel, where it can be changed later. */
  z.object({ ...common, status: z.literal('sent'), ended_at: timestamp, reference: z.string().nullable() }),
  /** This channel gave up and another one took over. */
  z.object({ ...common, status: z.literal('failed'), ended_at: timestamp, followed_by: deliveryId }),
  /** Nothing is left to try. */
  z.object({ ...common, status: z.literal('dead'), ended_at: timestamp }),
  /** Nobody needs it any more: the request was decided meanwhile. */
  z.object({ ...common, status: z.literal('dropped'), ended_at: timestamp }),
]);
export type Delivery = z.infer<typeof delivery>;
export type DeliveryIn<S extends Delivery['status']> = Extract<Delivery, { status: S }>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** What those who may see a request see of its messages. */
export const deliveryView = z
  .object({
    ...common,
    status: z.enum(['queued', 'sending', 'sent', 'failed', 'dead', 'dropped']),
    recipient: z.object({ kind: z.enum(['person', 'place']), name: z.string() }),
    due_at: timestamp.nullable(),
    ended_at: timestamp.nullable(),
  })
  .omit({ notice_id: true, noticed_at: true, fall_backs: true, expires_at_seconds: true });
export type DeliveryView = z.infer<typeof deliveryView>;
