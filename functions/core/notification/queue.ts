/** From a notice to messages in the outbox: who is told, by which channel, and when. Doing it twice queues nothing twice. */
import type { ApprovalNotice } from '../../contracts/approval-notice.ts';
import {
  type Channel,
  DEFAULT_PREFERENCES,
  type Delivery,
  type DeliveryIn,
  type NotificationPreferences,
  type PersonalChannel,
  type Recipient,
} from '../../contracts/notification.ts';
import type { ApprovalStore } from '../approval/ports.ts';
import type { RolePermissions } from '../identity/actor.ts';
import type { NotificationChannels } from '../policy/notification-channels.ts';
import { sha256 } from '../text/json.ts';
import type { DeliveryStore, PreferenceStore } from './ports.ts';
import { afterQuietHours } from './quiet-hours.ts';
import { type Reachable, recipientsOf } from './recipients.ts';

export interface QueueParts {
  readonly deliveries: Pick<DeliveryStore, 'create' | 'listOf'>;
  readonly preferences: Pick<PreferenceStore, 'get'>;
  readonly approvals: Pick<ApprovalStore, 'get'>;
  readonly everybody: () => Promise<readonly Reachable[]>;
  readonly granted: RolePermissions;
  readonly channels: NotificationChannels;
}

type Queued = DeliveryIn<'queued'>;

/** The messages there are now for this notice and were not before. */
export async function queueNotice(parts: QueueParts, notice: ApprovalNotice, now: Date): Promise<Queued[]> {
  const [request, everybody] = await Promise.all([parts.approvals.get(notice.request_id), parts.everybody()]);
  if (!request) return [];
  const people = recipientsOf(notice, request, everybody, parts.granted);
  const planned = [
    ...(await Promise.all(people.map((person) => toPerson(parts, notice, person, now)))).flat(),
    ...toPlaces(parts.channels, notice, now),
    ...updatesOf(await parts.deliveries.listOf(notice.request_id), notice, people, now),
  ];
  const isNew = await Promise.all(planned.map((delivery) => parts.deliveries.create(delivery)));
  return planned.filter((_, index) => isNew[index]);
}

async function toPerson(parts: QueueParts, notice: ApprovalNotice, person: Reachable, now: Date): Promise<Queued[]> {
  const preferences = (await parts.preferences.get(person.user_id)) ?? DEFAULT_PREFERENCES;
  if (!notice.asks && !preferences.tell_outcomes) return [];
  const due = afterQuietHours(now, preferences.quiet_hours);
  const recipient = { kind: 'person' as const, user_id: person.user_id, email: person.email };
  const [first, ...others] = channelsOf(parts.channels, preferences, person.email);
  if (!first) return [];
  // What nobody decided in time goes out on every channel at once.
  if (isUrgent(notice)) return [first, ...others].map((channel) => queued(notice, recipient, channel, now, { due }));
  return [queued(notice, recipient, first, now, { due, fall_backs: others })];
}

/** Those the person wants and the owner has set up, in the person's order. */
function channelsOf(channels: NotificationChannels, preferences: NotificationPreferences, email: string): PersonalChannel[] {
  const isThere: Record<PersonalChannel, boolean> = {
    email: channels.email !== null,
    slack: channels.slack?.bot_token != null,
    sms: channels.sms?.numbers.some((one) => one.person?.toLowerCase() === email.toLowerCase()) ?? false,
  };
  return preferences.channels.filter((channel) => isThere[channel]);
}

const isUrgent = ({ event, asks }: ApprovalNotice): boolean => event === 'escalated' && asks;
const BEGINS: readonly ApprovalNotice['event'][] = ['opened', 'stage_started', 'escalated'];

/** A room is told of what is to be decided, once a level; a shared phone only when it is urgent; a program of everything. */
function toPlaces({ slack, sms, webhook }: NotificationChannels, notice: ApprovalNotice, now: Date): Queued[] {
  const place = (name: string, channel: Channel) => queued(notice, { kind: 'place', name }, channel, now);
  const rooms = slack && notice.asks && BEGINS.includes(notice.event) ? [place(slack.channel, 'slack')] : [];
  const phones = isUrgent(notice) ? (sms?.numbers ?? []).filter((one) => one.person === null) : [];
  return [...rooms, ...phones.map((one) => place(one.number, 'sms')), ...(webhook ? [place('webhook', 'webhook')] : [])];
}

const CHANGES: readonly ApprovalNotice['event'][] = ['decided', 'stage_started', 'approved', 'denied', 'expired', 'withdrawn'];

/** Messages that can still be changed say how things stand now, and lose their buttons once there is nothing to decide. */
function updatesOf(earlier: readonly Delivery[], notice: ApprovalNotice, concerned: readonly Reachable[], now: Date): Queued[] {
  if (!CHANGES.includes(notice.event)) return [];
  const shown = earlier.filter((one) => one.channel === 'slack' && one.updates === null && one.notice_id !== notice.notice_id);
  return (
    shown
      // One that still waits will say how things stand when it is sent.
      .filter((one) => one.status === 'sending' || one.status === 'sent')
      .map((one) => {
        const asks = notice.event === 'decided' && stillAsks(one, shown, concerned);
        return queued({ ...notice, asks }, one.recipient, 'slack', now, { updates: one.delivery_id });
      })
  );
}

/** One decision was made and more are wanted: the newest message goes on asking a room, and whoever may still decide. */
function stillAsks(one: Delivery, shown: readonly Delivery[], concerned: readonly Reachable[]): boolean {
  const { recipient } = one;
  const later = shown.filter((other) => other.asks && other.notice_id > one.notice_id);
  const isNewest = !later.some((other) => isSameRecipient(other.recipient, recipient));
  return one.asks && isNewest && (recipient.kind === 'place' || concerned.some((person) => person.user_id === recipient.user_id));
}

const isSameRecipient = (one: Recipient, other: Recipient): boolean =>
  one.kind === 'person'
    ? other.kind === 'person' && one.user_id === other.user_id
    : other.kind === 'place' && one.name === other.name;

export const KEPT_DAYS = 90;

/** The one row of this notice, recipient and channel: its id is made of them. */
export function queued(
  notice: Pick<ApprovalNotice, 'notice_id' | 'request_id' | 'event' | 'asks' | 'at'>,
  recipient: Recipient,
  channel: Channel,
  now: Date,
  more: { due?: Date; fall_backs?: readonly PersonalChannel[]; updates?: string } = {},
): Queued {
  const at = now.toISOString();
  const updates = more.updates ?? null;
  const who = recipient.kind === 'person' ? `person ${recipient.user_id}` : `place ${recipient.name}`;
  return {
    delivery_id: `${notice.notice_id.replace(/^ntc_/, 'dlv_')}_${channel}_${sha256(JSON.stringify([who, updates])).slice(0, 16)}`,
    approval_id: notice.request_id,
    notice_id: notice.notice_id,
    event: notice.event,
    asks: notice.asks,
    noticed_at: notice.at,
    recipient,
    channel,
    fall_backs: [...(more.fall_backs ?? [])],
    updates,
    attempts: 0,
    last_error: null,
    created_at: at,
    updated_at: at,
    expires_at_seconds: Math.floor(now.getTime() / 1000) + KEPT_DAYS * 86_400,
    status: 'queued',
    due_at: (more.due ?? now).toISOString(),
  };
}
