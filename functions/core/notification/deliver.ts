/** Sends what is due, once. What surely was not sent is tried again; what may have been is not, and another channel takes over. */
import type { Approval } from '../../contracts/approval.ts';
import type { Delivery, DeliveryIn } from '../../contracts/notification.ts';
import { type LinkMaker, makeLink } from '../approval/personal-link.ts';
import type { ApprovalStore } from '../approval/ports.ts';
import type { Clock } from '../clock.ts';
import type { IdentityStore } from '../identity/ports.ts';
import { messageOf } from './message.ts';
import { type ChannelSenders, type DeliveryStore, NotSent, type SendResult } from './ports.ts';
import { queued } from './queue.ts';

export interface DeliverParts {
  readonly deliveries: Pick<DeliveryStore, 'get' | 'save' | 'handOver'>;
  readonly approvals: Pick<ApprovalStore, 'get'>;
  readonly identities: Pick<IdentityStore, 'get'>;
  readonly senders: ChannelSenders;
  readonly publicUrl: string | null;
  readonly personalLinks: LinkMaker;
  readonly clock: Clock;
}

/** After the nth try that failed: half a minute, one, two. The fourth was the last: after three and a half minutes another channel is tried. */
const PAUSES_SECONDS = [30, 60, 120];
const MOST_PAUSE_SECONDS = 15 * 60;
/** Where only this channel is left, and it works but has too much to do, the fourth is not the last: an hour of tries two minutes apart. */
const MOST_TRIES_WHILE_BUSY = 34;
/** Longer than the function that sends may run: whoever holds the row then is gone. */
export const SENDING_SECONDS = 90;
const ERROR_MAX = 300;

export type DeliverEnd = {
  readonly outcome: Delivery['status'] | 'nothing' | 'lost';
  readonly next: DeliveryIn<'queued'> | null;
};

const end = (outcome: DeliverEnd['outcome'], next: DeliveryIn<'queued'> | null = null): DeliverEnd => ({ outcome, next });

export async function deliver(parts: DeliverParts, deliveryId: string): Promise<DeliverEnd> {
  const found = await parts.deliveries.get(deliveryId);
  const now = parts.clock.now();
  if (!found || !isDue(found, now)) return end('nothing');
  if (found.status === 'sending' && !isRepeatable(found)) {
    return giveUp(parts, found, 'Whoever sent it was never heard of again; it may have arrived.');
  }
  const claimed = await claim(parts, found, now);
  if (!claimed) return end('lost');
  const about = await lookUp(parts, claimed).catch((error: unknown) => ({
    fault: error instanceof Error ? error.name : 'fault',
  }));
  if ('fault' in about) return again(parts, claimed, `What it is about could not be read: ${about.fault}.`, {});
  const { approval, target, addressed } = about;
  if (!approval) return giveUp(parts, claimed, 'The request is not there.');
  if (isMoot(claimed, approval)) return drop(parts, claimed);
  if (target?.status === 'sending') return again(parts, claimed, 'What it changes is being sent.', {});
  const reference = target?.status === 'sent' ? target.reference : null;
  if (claimed.updates !== null && reference === null) return drop(parts, claimed);
  if (!addressed) return drop(parts, claimed, 'They are no user any more.');
  const result = await send(parts, addressed, approval, reference);
  if (result.outcome === 'sent') {
    const ended_at = parts.clock.now().toISOString();
    const { due_at: _, ...rest } = addressed;
    const sent: Delivery = {
      ...rest,
      status: 'sent',
      updated_at: ended_at,
      ended_at,
      reference: result.reference,
      last_error: null,
    };
    return end((await parts.deliveries.save(claimed, sent)) ? 'sent' : 'lost');
  }
  if (result.outcome === 'off') {
    return isSpare(claimed) ? drop(parts, claimed, result.reason) : giveUp(parts, claimed, result.reason);
  }
  if (result.outcome === 'unknown' && !isRepeatable(claimed)) return giveUp(parts, claimed, result.reason);
  if (result.outcome === 'refused' && result.isFinal) return giveUp(parts, claimed, result.reason);
  return again(parts, claimed, result.reason, result.outcome === 'refused' ? result : {});
}

const isDue = (delivery: Delivery, now: Date): delivery is DeliveryIn<'queued'> | DeliveryIn<'sending'> =>
  (delivery.status === 'queued' || delivery.status === 'sending') && delivery.due_at <= now.toISOString();

/** Saying it twice is saying it once: programs know a message by its id, and a message that is changed twice reads the same. */
const isRepeatable = ({ channel, updates }: Delivery): boolean => channel === 'webhook' || updates !== null;

/** Whoever is asked to decide what is decided has nothing to do. Programs are told all the same: they count. */
const isMoot = (delivery: Delivery, approval: Approval): boolean =>
  delivery.asks && approval.status !== 'open' && delivery.channel !== 'webhook' && delivery.updates === null;

/** Nobody is left untold without it: a room or a program that nobody set up, or one of all channels that what is urgent goes out on. */
const isSpare = ({ recipient, event, asks }: Delivery): boolean => recipient.kind === 'place' || (event === 'escalated' && asks);

/** From here on nobody else sends it. */
async function claim(
  parts: DeliverParts,
  found: DeliveryIn<'queued'> | DeliveryIn<'sending'>,
  now: Date,
): Promise<DeliveryIn<'sending'> | null> {
  const claimed: DeliveryIn<'sending'> = {
    ...found,
    status: 'sending',
    attempts: found.attempts + 1,
    updated_at: now.toISOString(),
    due_at: inSeconds(now, SENDING_SECONDS),
  };
  return (await parts.deliveries.save(found, claimed)) ? claimed : null;
}

/** Read after the claim: whoever changes the request later sees that this message is on its way, and has it changed. */
async function lookUp(parts: DeliverParts, claimed: DeliveryIn<'sending'>) {
  const [approval, target, addressed] = await Promise.all([
    parts.approvals.get(claimed.approval_id),
    claimed.updates === null ? null : parts.deliveries.get(claimed.updates),
    claimed.updates === null ? addressedNow(parts, claimed) : claimed,
  ]);
  return { approval, target, addressed };
}

/** To the address somebody has now: hours may lie between asking and sending. null: nobody is there any more. */
async function addressedNow({ identities }: DeliverParts, claimed: DeliveryIn<'sending'>): Promise<DeliveryIn<'sending'> | null> {
  const { recipient } = claimed;
  if (recipient.kind === 'place') return claimed;
  const person = await identities.get(recipient.user_id);
  return !person || person.disabled || person.email === ''
    ? null
    : { ...claimed, recipient: { ...recipient, email: person.email } };
}

async function send(parts: DeliverParts, delivery: Delivery, approval: Approval, reference: string | null): Promise<SendResult> {
  const sender = parts.senders[delivery.channel];
  if (!sender) return { outcome: 'off', reason: `The channel ${delivery.channel} is not set up.` };
  try {
    const message = messageOf(delivery, approval, parts.publicUrl, await personalToken(parts, delivery, approval));
    return await sender.send({ delivery, approval, message, reference, now: parts.clock.now() });
  } catch (error) {
    if (error instanceof NotSent) return { outcome: 'refused', reason: error.message, isFinal: false };
    return { outcome: 'unknown', reason: error instanceof Error ? error.name : 'fault' };
  }
}

/** Only a mail is read by one person; and only whoever is asked to decide needs more than the way to the page. */
async function personalToken(
  { personalLinks, publicUrl, clock }: DeliverParts,
  { channel, recipient, asks }: Delivery,
  approval: Approval,
): Promise<string | null> {
  if (channel !== 'email' || recipient.kind !== 'person' || !asks || approval.status !== 'open' || publicUrl === null)
    return null;
  try {
    return await makeLink(personalLinks, approval, { user_id: recipient.user_id, channel }, clock.now());
  } catch {
    throw new NotSent('The link of the message could not be written down.');
  }
}

async function again(
  parts: DeliverParts,
  claimed: DeliveryIn<'sending'>,
  reason: string,
  { retryAfterSeconds, isBusy }: { readonly retryAfterSeconds?: number; readonly isBusy?: true },
): Promise<DeliverEnd> {
  const isPatient = isBusy && claimed.fall_backs.length === 0 && claimed.attempts < MOST_TRIES_WHILE_BUSY;
  const pause = PAUSES_SECONDS[claimed.attempts - 1] ?? (isPatient ? PAUSES_SECONDS.at(-1) : undefined);
  if (pause === undefined) return giveUp(parts, claimed, reason);
  const now = parts.clock.now();
  const seconds = Math.min(Math.max(pause, retryAfterSeconds ?? 0), MOST_PAUSE_SECONDS);
  const waiting: DeliveryIn<'queued'> = {
    ...claimed,
    status: 'queued',
    due_at: inSeconds(now, seconds),
    updated_at: now.toISOString(),
    last_error: short(reason),
  };
  return end((await parts.deliveries.save(claimed, waiting)) ? 'queued' : 'lost');
}

/** The next channel takes over, in one transaction; with none left the message is dead, for an operator to see. */
async function giveUp(
  parts: DeliverParts,
  delivery: DeliveryIn<'queued'> | DeliveryIn<'sending'>,
  reason: string,
): Promise<DeliverEnd> {
  const now = parts.clock.now();
  const at = now.toISOString();
  const { due_at: _, ...rest } = delivery;
  const ended = { ...rest, updated_at: at, ended_at: at, last_error: short(reason) };
  const [channel, ...fall_backs] = delivery.fall_backs;
  if (channel === undefined) return end((await parts.deliveries.save(delivery, { ...ended, status: 'dead' })) ? 'dead' : 'lost');
  const next = queued(noticeOf(delivery), delivery.recipient, channel, now, { fall_backs });
  const failed: DeliveryIn<'failed'> = { ...ended, status: 'failed', followed_by: next.delivery_id };
  return (await parts.deliveries.handOver(delivery, failed, next)) ? end('failed', next) : end('lost');
}

async function drop(parts: DeliverParts, delivery: DeliveryIn<'sending'>, reason?: string): Promise<DeliverEnd> {
  const at = parts.clock.now().toISOString();
  const { due_at: _, ...rest } = delivery;
  const last_error = reason === undefined ? rest.last_error : short(reason);
  const dropped: Delivery = { ...rest, status: 'dropped', updated_at: at, ended_at: at, last_error };
  return end((await parts.deliveries.save(delivery, dropped)) ? 'dropped' : 'lost');
}

const noticeOf = ({ notice_id, approval_id, event, asks, noticed_at }: Delivery) => ({
  notice_id,
  request_id: approval_id,
  event,
  asks,
  at: noticed_at,
});

const inSeconds = (from: Date, seconds: number): string => new Date(from.getTime() + seconds * 1000).toISOString();
const short = (reason: string): string => reason.slice(0, ERROR_MAX);
