/** What comes back from buttons in Slack: whether Slack sent it, who pressed what, and whether that may decide. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Approval, DecisionRequest } from '../../contracts/approval.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import { approvalId } from '../../contracts/ids.ts';
import { sha256Hex } from '../../contracts/manifest.ts';
import type { IdentityStore } from '../identity/ports.ts';
import { DECIDE_ACTIONS, isDecidableInSlack } from './slack.ts';

const WINDOW_SECONDS = 5 * 60;

export interface SlackRequest {
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  /** The very bytes of the body. */
  readonly body: string;
}

/** Slack's signature, version v0, over `v0:timestamp:body`. Older than five minutes, or from the future, is a replay. */
export function isFromSlack({ timestamp, signature, body }: SlackRequest, signingSecret: string, now: Date): boolean {
  if (signingSecret === '' || !/^\d{1,12}$/.test(timestamp ?? '') || !/^v0=[0-9a-f]{64}$/.test(signature ?? '')) return false;
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > WINDOW_SECONDS) return false;
  const expected = createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest();
  return timingSafeEqual(expected, Buffer.from((signature ?? '').slice(3), 'hex'));
}

const payload = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string().regex(/^[UW][A-Z0-9]{1,30}$/) }),
  channel: z.object({ id: z.string().regex(/^[CGD][A-Z0-9]{1,30}$/) }).optional(),
  actions: z
    .array(z.object({ action_id: z.string(), value: z.string().optional() }))
    .min(1)
    .max(25),
});

export interface SlackPress {
  readonly slackUserId: string;
  readonly slackChannelId: string | null;
  readonly approvalId: string;
  readonly wanted: DecisionRequest;
}

/** null: nothing that decides, such as a press on the link. */
export function pressIn(body: string): SlackPress | null {
  const [text, ...more] = new URLSearchParams(body).getAll('payload');
  if (text === undefined || more.length > 0) return null;
  const read = payload.safeParse(jsonOf(text));
  const [action, ...others] = read.data?.actions ?? [];
  if (!read.success || !action || others.length > 0 || !Object.hasOwn(DECIDE_ACTIONS, action.action_id)) return null;
  const decision = DECIDE_ACTIONS[action.action_id as keyof typeof DECIDE_ACTIONS];
  const [id, digest, ...rest] = (action.value ?? '').split(' ');
  if (rest.length > 0 || !approvalId.safeParse(id).success || !sha256Hex.safeParse(digest).success) return null;
  return {
    slackUserId: read.data.user.id,
    slackChannelId: read.data.channel?.id ?? null,
    approvalId: id ?? '',
    wanted: { decision, digest: digest ?? '' },
  };
}

export type SlackPermit =
  | { readonly may: true; readonly person: IdentityRecord }
  | { readonly may: false; readonly because: string };

/**
 * Whoever in Airlock has this address, as their own rows say at this moment: the list they are found in may still show somebody who was
 * just disabled, or has another role by now.
 */
export async function peopleWith(
  address: string | null,
  listed: readonly IdentityRecord[],
  identities: Pick<IdentityStore, 'get'>,
): Promise<IdentityRecord[]> {
  const has = ({ email }: IdentityRecord): boolean => address !== null && email.toLowerCase() === address.toLowerCase();
  const rows = await Promise.all(listed.filter(has).map(({ user_id }) => identities.get(user_id)));
  return rows.flatMap((row) => (row && has(row) ? [row] : []));
}

/**
 * Whether somebody in Slack may decide this there. `people`: everybody in Airlock with the e-mail address that Slack has verified for
 * them. Nobody, or more than one, is nobody.
 */
export function permitInSlack(approval: Approval, people: readonly IdentityRecord[]): SlackPermit {
  const [person, ...others] = people.filter((one) => !one.disabled);
  if (!person || others.length > 0) return no('Your Slack account is not known to Airlock. Sign in to decide.');
  if (!isDecidableInSlack(approval)) return no('This is too much to be decided from Slack. Sign in to decide.');
  return { may: true, person };
}

const no = (because: string): SlackPermit => ({ may: false, because });

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
