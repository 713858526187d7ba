import type { Approval } from '../../contracts/approval.ts';
import type { Requester } from '../../contracts/execution.ts';
import type { Channel, Delivery, DeliveryIn, NotificationPreferences } from '../../contracts/notification.ts';
import type { Message } from './message.ts';

/** The outbox: one row a message. Rows change by conditional writes alone. */
export interface DeliveryStore {
  /** False when the message has a row already. */
  create(delivery: DeliveryIn<'queued'>): Promise<boolean>;
  get(deliveryId: string): Promise<Delivery | null>;
  /** False when the row is not any more as it was read. */
  save(before: Delivery, after: Delivery): Promise<boolean>;
  /** Writes that this channel gave up together with the message that takes over. False when the row is not any more as it was read. */
  handOver(before: Delivery, after: DeliveryIn<'failed'>, next: DeliveryIn<'queued'>): Promise<boolean>;
  /** Those whose time has come, the oldest first. */
  listDue(now: Date, limit: number): Promise<Delivery[]>;
  /** As they are now, those written a moment ago as well. */
  listOf(approvalId: string): Promise<Delivery[]>;
  /** How many messages each person was sent on a day (UTC, as 2026-11-23), of so many at most; `complete`: there were no more. */
  countOn(day: string, most: number): Promise<{ readonly told: readonly ToldOn[]; readonly complete: boolean }>;
}

export interface ToldOn {
  readonly person: Requester;
  readonly messages: number;
}

export interface PreferenceStore {
  /** Null: the person never said. */
  get(userId: string): Promise<NotificationPreferences | null>;
  put(userId: string, preferences: NotificationPreferences): Promise<void>;
}

export interface Outgoing {
  readonly delivery: Delivery;
  readonly approval: Approval;
  readonly message: Message;
  /** Of the message that this one changes; null: a new one. */
  readonly reference: string | null;
  readonly now: Date;
}

/** Surely not sent. `isFinal`: another try by this channel would end the same. `isBusy`: it works, and wants fewer messages at once. */
interface Refused {
  readonly outcome: 'refused';
  readonly reason: string;
  readonly isFinal: boolean;
  readonly retryAfterSeconds?: number;
  readonly isBusy?: true;
}

export type SendResult =
  /** `reference` names the message where it can be changed later. */
  | { readonly outcome: 'sent'; readonly reference: string | null }
  | Refused
  /** Nobody set the channel up: there is no secret for it. */
  | { readonly outcome: 'off'; readonly reason: string }
  /** Handed over, and nothing heard: it may have arrived. */
  | { readonly outcome: 'unknown'; readonly reason: string };

/** What a sender lacked before it sent anything. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
}

/** One way to reach somebody. Never throws for what its service answers; whatever else than NotSent it throws counts as unknown. */
export interface ChannelSender {
  send(outgoing: Outgoing): Promise<SendResult>;
}

export type ChannelSenders = Partial<Record<Channel, ChannelSender>>;
