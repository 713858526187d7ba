/**
 * Sessions of pages: a cookie that no script reads leads to a session as tokens have one, and no token ever reaches the page. A browser
 * sends the cookie also with what other sites make it send, so whatever changes something says two things more: the session's own token,
 * and that it comes from our own page.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { PageSession, PageSessionView } from '../../contracts/page-session.ts';
import type { Session } from '../../contracts/sign-in.ts';
import { sha256 } from '../text/json.ts';
import { askAgain, type SignInParts } from './sign-in.ts';

export interface PageSessionStore {
  create(cookieHash: string, session: PageSession): Promise<void>;
  get(cookieHash: string): Promise<PageSession | null>;
  /** Does nothing for one that is gone. */
  freshen(cookieHash: string, freshUntil: string): Promise<void>;
  remove(cookieHash: string): Promise<void>;
}

export interface PageParts extends SignInParts {
  readonly pages: PageSessionStore;
  /** As long as an access token would live: then the pool is asked again. */
  readonly freshSeconds: number;
}

const COOKIE_PATTERN = /^[A-Za-z0-9_-]{43}$/;

/** 256 bits from the cookie's own 256: who knows it need not know the cookie. */
export const csrfTokenOf = (cookie: string): string =>
  createHash('sha256').update(`airlock.csrf.v1\n${cookie}`).digest('base64url');

export const pageViewOf = (cookie: string, { user_id, fresh_until, expires_at }: PageSession): PageSessionView => ({
  user_id,
  csrf_token: csrfTokenOf(cookie),
  fresh_until,
  expires_at,
});

/** The session a cookie stands for: none, if it is none of ours or its time is over. */
export async function readPageSession(pages: PageSessionStore, cookie: string, now: Date): Promise<PageSession | null> {
  if (!COOKIE_PATTERN.test(cookie)) return null;
  const page = await pages.get(sha256(cookie));
  return page && now.toISOString() < page.expires_at ? page : null;
}

export const isFresh = (page: PageSession, now: Date): boolean => now.toISOString() < page.fresh_until;

export async function openPageSession(
  parts: PageParts,
  { session_id, user_id, created_at, expires_at }: Session,
): Promise<{ cookie: string; page: PageSession }> {
  const cookie = parts.random();
  const page = { session_id, user_id, created_at, expires_at, fresh_until: freshUntil(parts, expires_at) };
  await parts.pages.create(sha256(cookie), page);
  return { cookie, page };
}

export async function renewPageSession(
  parts: PageParts,
  cookie: string,
): Promise<{ outcome: 'renewed'; page: PageSession } | { outcome: 'refused' | 'second_factor_wanted' | 'slow_down' }> {
  const page = await readPageSession(parts.pages, cookie, parts.now());
  const session = page && (await parts.sessions.get(page.session_id));
  if (!page || !session) return { outcome: 'refused' };
  const answer = await askAgain(parts, session);
  if (answer.outcome !== 'signed_in') return answer;
  const renewed = { ...page, fresh_until: freshUntil(parts, page.expires_at) };
  await parts.pages.freshen(sha256(cookie), renewed.fresh_until);
  return { outcome: 'renewed', page: renewed };
}

const freshUntil = ({ now, freshSeconds }: PageParts, expiresAt: string): string => {
  const until = new Date(now().getTime() + freshSeconds * 1000).toISOString();
  return until < expiresAt ? until : expiresAt;
};

export interface OwnPage {
  readonly method: string;
  /** What the browser says where the request comes from. */
  readonly origin: string | undefined;
  readonly csrfToken: string | undefined;
  /** Where people see us, as the front door says. */
  readonly publicOrigin: string;
}

/** What is missing before a request with this cookie may change something; null when nothing is. */
export function whyNotOwnPage(cookie: string, { method, origin, csrfToken, publicOrigin }: OwnPage): string | null {
  if (method === 'GET' || method === 'HEAD') return null;
  if (origin !== publicOrigin) return 'a page of another site may not use this session: Origin must be the one of this page';
  const expected = Buffer.from(csrfTokenOf(cookie));
  const came = Buffer.from(csrfToken ?? '');
  const isSame = came.byteLength === expected.byteLength && timingSafeEqual(came, expected);
  return isSame ? null : 'send x-csrf-token with the csrf_token that GET /api/v1/auth/session gives';
}
