import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { readPoolTokens, type SignInRules } from '../../adapters/cognito/sign-in.ts';
import { redeemCode } from '../../adapters/cognito/sign-in-page.ts';
import type * as routes from '../../contracts/routes/page-sign-in.ts';
import { openPageSession, type PageParts } from '../../core/identity/page-session.ts';
import { beginSignIn, begunBy, type SignInPage } from '../../core/identity/page-sign-in.ts';
import { signInFromPage } from '../../core/identity/sign-in.ts';
import type { ApiAnswer, ApiRequest } from '../../runtime/api-handler.ts';
import { clearSignInCookie, publicOriginOf, setSessionCookie, setSignInCookie, signInCookieOf } from '../../runtime/cookies.ts';
import { ApiError } from '../../runtime/errors.ts';
import { poolKeys } from '../../runtime/pool-keys.ts';

interface Settings {
  readonly page: SignInPage;
  readonly userPoolId: string;
  readonly identityTable: string;
  readonly rules: SignInRules;
}

const CALLBACK = '/api/v1/auth/callback';
/** Long enough to find a phone. */
const SIGN_IN_SECONDS = 600;

export function pageSignIn(parts: PageParts, { page, userPoolId, identityTable, rules }: Settings) {
  const verifier = CognitoJwtVerifier.create(
    { userPoolId, clientId: page.clientId, tokenUse: 'id' },
    { jwksCache: poolKeys(identityTable) },
  );

  /** Whether the pool made this token for us, and in answer to this very question. */
  const isOurs = async (idToken: string, nonce: string): Promise<boolean> => {
    try {
      return (await verifier.verify(idToken)).nonce === nonce;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      return false;
    }
  };

  return {
    begin(request: ApiRequest<typeof routes.beginPageSignIn>): ApiAnswer<typeof routes.beginPageSignIn> {
      const { provider, return_to: returnTo } = request.query;
      const redirectUri = `${publicOriginOf(request)}${CALLBACK}`;
      const { url, cookie } = beginSignIn(page, { provider, returnTo, redirectUri }, parts.random);
      const cookies = [setSignInCookie(request, cookie, SIGN_IN_SECONDS)];
      return { status: 302, body: { url }, headers: { location: url }, cookies };
    },

    async finish(request: ApiRequest<typeof routes.finishPageSignIn>): Promise<ApiAnswer<typeof routes.finishPageSignIn>> {
      const { state, code } = request.query;
      const begun = begunBy(signInCookieOf(request), state);
      if (!begun) throw notSignedIn('This answers no sign-in that was begun here');
      if (code === undefined) throw notSignedIn('The other page signed nobody in');
      const redirectUri = `${publicOriginOf(request)}${CALLBACK}`;
      const redeemed = await redeemCode(page, { code, verifier: begun.verifier, redirectUri });
      if (!redeemed || !(await isOurs(redeemed.id_token, begun.nonce)))
        throw notSignedIn('The user pool does not know this sign-in');
      const answer = await signInFromPage(parts, readPoolTokens(redeemed, rules));
      if (answer.outcome !== 'signed_in') throw notSignedIn('You may not sign in this way');
      const { cookie } = await openPageSession(parts, answer.session);
      const cookies = [setSessionCookie(request, cookie, parts.settings.sessionSeconds), clearSignInCookie(request)];
      return { status: 302, body: { url: begun.return_to }, headers: { location: begun.return_to }, cookies };
    },
  };
}

const notSignedIn = (why: string): ApiError => new ApiError('unauthenticated', `${why}. Begin again at /api/v1/auth/authorize.`);
