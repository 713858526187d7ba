import * as routes from '../../contracts/routes/pages.ts';
import type { Actor } from '../../core/identity/actor.ts';
import {
  isFresh,
  openPageSession,
  type PageParts,
  readPageSession,
  renewPageSession,
  whyNotOwnPage,
} from '../../core/identity/page-session.ts';
import { answerChallenge, type SignInAnswer, signIn } from '../../core/identity/sign-in.ts';
import { signInPage } from '../../core/pages/sign-in.ts';
import { sha256 } from '../../core/text/json.ts';
import { type ApiRequest, type Route, route } from '../../runtime/api-handler.ts';
import { clearSessionCookie, publicOriginOf, sessionCookieOf, setSessionCookie } from '../../runtime/cookies.ts';
import { ApiError } from '../../runtime/errors.ts';
import { PageError, pageAnswer, seeOther } from '../../runtime/pages.ts';
import { refusalOf } from './answers.ts';

interface Parts {
  readonly parts: PageParts;
  /** Names of other places to sign in at; none where there is no page of the user pool. */
  readonly providers: readonly string[];
  readonly endOwn: (holder: Pick<Actor, 'user_id'>, sessionId: string) => Promise<void>;
}

export function signInPages({ parts, providers, endOwn }: Parts): readonly Route[] {
  return [
    route(routes.showSignIn, async (request) => {
      const { return_to: returnTo, second_factor } = request.query;
      if (await isRenewed(parts, sessionCookieOf(request))) return seeOther(returnTo);
      const asks = second_factor !== undefined;
      return pageAnswer(200, signInPage({ returnTo, alert: null, providers, challenge: null, asksSecondFactor: asks }));
    }),

    route(routes.signInOnPage, async (request) => {
      const { return_to: returnTo } = request.body;
      const asksSecondFactor = 'email' in request.body && request.body.second_factor !== undefined;
      const fail = (error: ApiError) => {
        const challenge = askedAgain(request.body);
        return new PageError(error, signInPage({ returnTo, alert: error.message, providers, challenge, asksSecondFactor }));
      };
      // Nobody else's page signs a visitor in under a name of its choosing.
      if (request.headers.origin !== publicOriginOf(request)) throw fail(new ApiError('forbidden', 'Sign in on this page.'));
      const answer = await answerTo(parts, request);
      if (answer.outcome === 'challenged')
        return pageAnswer(200, signInPage({ returnTo, alert: null, providers, challenge: answer.challenge, asksSecondFactor }));
      if (answer.outcome !== 'signed_in') throw fail(refusalOf(answer));
      const { cookie } = await openPageSession(parts, answer.session);
      return { ...seeOther(returnTo), cookies: [setSessionCookie(request, cookie, parts.settings.sessionSeconds)] };
    }),

    // Whoever signs out need not be known anew first: else a session that is no longer fresh would be renewed instead of ended.
    route(routes.signOutOnPage, async (request) => {
      const cookie = sessionCookieOf(request);
      if (cookie === null) return seeOther('/sign-in');
      const { origin } = request.headers;
      const own = { method: 'POST', origin, csrfToken: request.body.csrf_token, publicOrigin: publicOriginOf(request) };
      const missing = whyNotOwnPage(cookie, own);
      if (missing !== null) throw new ApiError('forbidden', `With a session of a page: ${missing}.`);
      const page = await readPageSession(parts.pages, cookie, parts.now());
      if (page) await endOwn(page, page.session_id);
      await parts.pages.remove(sha256(cookie));
      return { ...seeOther('/sign-in'), cookies: [clearSessionCookie(request)] };
    }),
  ];
}

/**
 * A session is asked about again as often as a token would expire, and pages without a script come here for it. One that is fresh and
 * was led here nevertheless would be led here again.
 */
async function isRenewed(parts: PageParts, cookie: string | null): Promise<boolean> {
  const page = cookie === null ? null : await readPageSession(parts.pages, cookie, parts.now());
  if (cookie === null || !page || isFresh(page, parts.now())) return false;
  return (await renewPageSession(parts, cookie)).outcome === 'renewed';
}

/** A wrong code may be typed again, and another password thought of. */
function askedAgain(body: ApiRequest<typeof routes.signInOnPage>['body']): Parameters<typeof signInPage>[0]['challenge'] {
  if ('email' in body) return null;
  const challenge = 'code' in body ? 'mfa' : 'new_password';
  return { challenge, challenge_id: body.challenge_id, detail: 'Try again, or begin again by signing in.' };
}

async function answerTo(parts: PageParts, { body }: ApiRequest<typeof routes.signInOnPage>): Promise<SignInAnswer> {
  if ('email' in body) return await signIn(parts, { ...body, second_factor: body.second_factor !== undefined });
  const { return_to: _, ...answer } = body;
  return await answerChallenge(parts, answer);
}
