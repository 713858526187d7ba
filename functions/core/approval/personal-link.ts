/**
 * Personal links: a message to somebody who may decide leads them to the request without a password. Holding one proves no more than
 * holding the mailbox, so it opens one request, as it was when the message was sent, for a while, and only after a press on the page.
 */
import type { Approval } from '../../contracts/approval.ts';
import type { ApprovalVisit, PersonalLink } from '../../contracts/approval-link.ts';
import { sha256 } from '../text/json.ts';
import { hasExpired } from './decide.ts';
import { decidable } from './versions.ts';

/** Rows are found by the hash of what only the recipient has. */
export interface LinkStore {
  create(tokenHash: string, link: PersonalLink): Promise<void>;
  get(tokenHash: string): Promise<PersonalLink | null>;
}
export interface VisitStore {
  create(cookieHash: string, visit: ApprovalVisit): Promise<void>;
  get(cookieHash: string): Promise<ApprovalVisit | null>;
}

export interface LinkMaker {
  readonly links: Pick<LinkStore, 'create'>;
  /** 256 bits, in base64url. */
  readonly random: () => string;
  /** How long a link is good; 0: there are none. */
  readonly hours: number;
}

const SECRET_PATTERN = /^[A-Za-z0-9_-]{43}$/;
const HOUR_MS = 3600_000;
/** Long enough to read a request and decide it; whoever takes longer signs in, or opens the link again. */
export const VISIT_SECONDS = 15 * 60;

const earlier = (one: string, other: string | null): string => (other !== null && other < one ? other : one);

/** The token of a new link; null where there are none, and for what nobody decides any more. */
export async function makeLink(
  { links, random, hours }: LinkMaker,
  request: Approval,
  { user_id, channel }: Pick<PersonalLink, 'user_id' | 'channel'>,
  now: Date,
): Promise<string | null> {
  const digests = decidable(request);
  if (hours === 0 || request.status !== 'open' || hasExpired(request, now) || digests.length === 0) return null;
  const token = random();
  const expires_at = earlier(new Date(now.getTime() + hours * HOUR_MS).toISOString(), request.expires_at);
  const { approval_id } = request;
  await links.create(sha256(token), { approval_id, user_id, digests, channel, created_at: now.toISOString(), expires_at });
  return token;
}

/** null: nobody made this one. */
export const readLink = async (links: Pick<LinkStore, 'get'>, token: string): Promise<PersonalLink | null> =>
  SECRET_PATTERN.test(token) ? await links.get(sha256(token)) : null;

/** Whether it is still about what its message was about: the request is open, and there is nothing else to decide on than there was. */
export const isLinkTo = (link: PersonalLink, request: Approval, now: Date): boolean =>
  link.approval_id === request.approval_id &&
  now.toISOString() < link.expires_at &&
  request.status === 'open' &&
  !hasExpired(request, now) &&
  decidable(request).join() === link.digests.join();

/** The cookie of a visit that this link begins. */
export async function beginVisit(
  { visits, random }: { readonly visits: Pick<VisitStore, 'create'>; readonly random: () => string },
  { approval_id, user_id, expires_at }: PersonalLink,
  now: Date,
): Promise<string> {
  const cookie = random();
  const until = new Date(now.getTime() + VISIT_SECONDS * 1000).toISOString();
  const visit = { approval_id, user_id, created_at: now.toISOString(), expires_at: earlier(until, expires_at) };
  await visits.create(sha256(cookie), visit);
  return cookie;
}

/** The visit to this request that a cookie stands for. */
export async function readVisit(
  visits: Pick<VisitStore, 'get'>,
  cookie: string,
  approvalId: string | undefined,
  now: Date,
): Promise<ApprovalVisit | null> {
  const visit = SECRET_PATTERN.test(cookie) ? await visits.get(sha256(cookie)) : null;
  return visit && visit.approval_id === approvalId && now.toISOString() < visit.expires_at ? visit : null;
}
