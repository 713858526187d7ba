import type * as routes from '../../contracts/routes/page-session.ts';
import type { Actor } from '../../core/identity/actor.ts';
import {
  isFresh,
  openPageSession,
  type PageParts,
  pageViewOf,
  readPageSession,
  renewPageSession,
  whyNotOwnPage,
} from '../../core/identity/page-session.ts';
import { answerChallenge, signIn } from '../../core/identity/sign-in.ts';
import { sha256 } from '../../core/text/json.ts';
import type { ApiAnswer, ApiRequest } from '../../runtime/api-handler.ts';
import { clearSessionCookie, publicOriginOf, sessionCookieOf, setSessionCookie } from '../../runtime/cookies.ts';
import { ApiError } from '../../runtime/errors.ts';
import { refusalOf, refused } from './answers.ts';

type Opened = ApiAnswer<typeof routes.openPageSession>;

export async function openPage(parts: PageParts, request: ApiRequest<typeof routes.openPageSession>): Promise<Opened> {
  const { origin } = request.headers;
  // Nobody else's page signs a visitor in under a name of its choosing.
  if (origin !== undefined && origin !== publicOriginOf(request)) throw new ApiError('forbidden', 'Sign in on the page itself.');
  const { body } = request;
  const answer = 'email' in body ? await signIn(parts, body) : await answerChallenge(parts, body);
  if (answer.outcome === 'challenged') return { status: 202, body: answer.challenge };
  if (answer.outcome !== 'signed_in') throw refusalOf(answer);
  const { cookie, page } = await openPageSession(parts, answer.session);
  const cookies = [setSessionCookie(request, cookie, parts.settings.sessionSeconds)];
  return { status: 200, body: pageViewOf(cookie, page), cookies };
}

export async function getPage(
  parts: Pick<PageParts, 'pages' | 'now'>,
  request: ApiRequest<typeof routes.getPageSession>,
): Promise<ApiAnswer<typeof routes.getPageSession>> {
  const cookie = request.actor.credential.kind === 'session' ? sessionCookieOf(request) : null;
  if (cookie === null)
    throw new ApiError('forbidden', 'This is about the session of a page, and you came with another credential.');
  const page = await readPageSession(parts.pages, cookie, parts.now());
  if (!page || !isFresh(page, parts.now())) throw refused();
  return { status: 200, body: pageViewOf(cookie, page) };
}

/** Also of a session that is no longer fresh, which is why nobody has asked yet whether the page is ours. */
export async function renewPage(
  parts: PageParts,
  request: ApiRequest<typeof routes.renewPageSession>,
): Promise<ApiAnswer<typeof routes.renewPageSession>> {
  const cookie = sessionCookieOf(request);
  if (cookie === null) throw refused();
  const { origin, 'x-csrf-token': csrfToken } = request.headers;
  const missing = whyNotOwnPage(cookie, { method: 'POST', origin, csrfToken, publicOrigin: publicOriginOf(request) });
  if (missing !== null) throw new ApiError('forbidden', `With a session of a page: ${missing}.`);
  const answer = await renewPageSession(parts, cookie);
  if (answer.outcome !== 'renewed') throw refusalOf(answer);
  return { status: 200, body: pageViewOf(cookie, answer.page) };
}

/** The cookie of whoever has just signed out: forgotten here, and taken back from the browser. */
export async function forgetPage(
  { pages }: Pick<PageParts, 'pages'>,
  request: Parameters<typeof sessionCookieOf>[0] & { readonly actor: Actor },
): Promise<{ cookies?: string[] }> {
  // Beside a token, a cookie may be somebody else's.
  const cookie = request.actor.credential.kind === 'session' ? sessionCookieOf(request) : null;
  if (cookie === null) return {};
  await pages.remove(sha256(cookie));
  return { cookies: [clearSessionCookie(request)] };
}
