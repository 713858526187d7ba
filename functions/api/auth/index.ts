import { randomBytes } from 'node:crypto';
import { cognitoDirectory } from '../../adapters/cognito/directory.ts';
import { cognitoSignIn } from '../../adapters/cognito/sign-in.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { dynamoPageSessions } from '../../adapters/dynamo/page-sessions.ts';
import { dynamoChallenges, dynamoSessions } from '../../adapters/dynamo/sessions.ts';
import { kmsSealer } from '../../adapters/kms/sealer.ts';
import { invokeLater } from '../../adapters/lambda/invoke.ts';
import * as routes from '../../contracts/routes/auth.ts';
import * as pageRoutes from '../../contracts/routes/page-session.ts';
import * as signInRoutes from '../../contracts/routes/page-sign-in.ts';
import type { Actor } from '../../core/identity/actor.ts';
import {
  answerChallenge,
  endAllSessions,
  endSession,
  refreshAccessToken,
  revokeToken,
  type SignInAnswer,
  signIn,
} from '../../core/identity/sign-in.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError } from '../../runtime/errors.ts';
import { log } from '../../runtime/log.ts';
import { clock, wait } from '../../runtime/system.ts';
import { refusalOf, refused } from './answers.ts';
import { forgetPage, getPage, openPage, renewPage } from './page.ts';
import { pageSignIn } from './page-sign-in.ts';
import { signInPages } from './pages.ts';

const environment = environmentOf('api/auth');
const { authentication, authorization } = readConfiguration().security;
const { jwt, mfa, sso } = authentication;
const roleNames = Object.keys(authorization.roles);
const rules = {
  groupRoles: sso.group_roles,
  known: roleNames,
  directories: sso.providers.filter(({ type }) => type === 'saml').map(({ name }) => name),
};
const sealer = kmsSealer(environment.SESSION_KEY_ID);
const pageUrl = environment.SIGN_IN_PAGE_URL;
const pageClientId = environment.PAGE_CLIENT_ID;
const parts = {
  pool: cognitoSignIn({ userPoolId: environment.USER_POOL_ID, clientId: environment.USER_POOL_CLIENT_ID }, rules),
  pagePool: cognitoSignIn(
    { userPoolId: environment.USER_POOL_ID, clientId: pageClientId ?? environment.USER_POOL_CLIENT_ID },
    rules,
  ),
  directory: cognitoDirectory(environment.USER_POOL_ID, roleNames),
  identities: dynamoIdentities({ identity: environment.IDENTITY_TABLE, audit: environment.AUDIT_TABLE }),
  challenges: dynamoChallenges(environment.EPHEMERA_TABLE, sealer),
  sessions: dynamoSessions(environment.EPHEMERA_TABLE, sealer),
  pages: dynamoPageSessions(environment.EPHEMERA_TABLE),
  freshSeconds: jwt.access_token_ttl,
  settings: {
    mfaRoles: mfa.required_for_roles,
    sessionSeconds: jwt.refresh_token_ttl,
    secondFactorProviders: sso.providers.filter((provider) => provider.second_factor).map(({ name }) => name),
  },
  now: clock.now,
  wait,
  random: () => randomBytes(32).toString('base64url'),
};

const elsewhere =
  pageUrl !== undefined && pageClientId !== undefined
    ? pageSignIn(parts, {
        page: { url: pageUrl, clientId: pageClientId },
        userPoolId: environment.USER_POOL_ID,
        identityTable: environment.IDENTITY_TABLE,
        rules,
      })
    : null;

export const handler = apiHandler(environment, [
  route(routes.login, async ({ body }) => answered(await signIn(parts, body))),
  route(routes.answerChallenge, async ({ body }) => answered(await answerChallenge(parts, body))),

  route(routes.refresh, async ({ body }) => {
    const answer = await refreshAccessToken(parts, body.refresh_token);
    if (answer.outcome === 'copied') {
      log.warn('a refresh token was used twice', { user_id: answer.user_id });
      await closeConnections(answer);
      throw refused({ event_type: 'credential_copied', severity: 'high', user_id: answer.user_id });
    }
    const { status, body: given } = answered(answer);
    if (status !== 200) throw refused();
    return ok(given);
  }),

  route(routes.revokeToken, async ({ body }) => {
    const ended = await revokeToken(parts, body.refresh_token);
    if (ended) await closeConnections(ended);
    return ok({ valid: false as const });
  }),

  route(routes.logout, async (request) => {
    const { credential } = request.actor;
    if (credential.kind === 'api_key') throw new ApiError('forbidden', 'A key has no session. Revoke the key instead.');
    await endOwn(request.actor, credential.session_id);
    return { ...ok({ ended: 'session' as const }), ...(await forgetPage(parts, request)) };
  }),

  route(routes.revokeSessions, async (request) => {
    const { actor } = request;
    if (actor.credential.kind === 'api_key') throw new ApiError('forbidden', 'Sign in to end your sessions.');
    if ((await endAllSessions(parts, actor)) === 'busy') throw busy();
    await closeConnections(actor);
    return { ...ok({ ended: 'all_sessions' as const }), ...(await forgetPage(parts, request)) };
  }),

  route(pageRoutes.openPageSession, (request) => openPage(parts, request)),
  route(pageRoutes.getPageSession, (request) => getPage(parts, request)),
  route(pageRoutes.renewPageSession, (request) => renewPage(parts, request)),

  route(signInRoutes.beginPageSignIn, async (request) => {
    if (!elsewhere) throw nowhereElse();
    return elsewhere.begin(request);
  }),
  route(signInRoutes.finishPageSignIn, async (request) => {
    if (!elsewhere) throw nowhereElse();
    return await elsewhere.finish(request);
  }),

  ...signInPages({ parts, providers: elsewhere ? sso.providers.map(({ name }) => name) : [], endOwn }),
]);

function answered(answer: SignInAnswer) {
  if (answer.outcome === 'signed_in') return { status: 200 as const, body: answer.tokens };
  if (answer.outcome === 'challenged') return { status: 202 as const, body: answer.challenge };
  throw refusalOf(answer);
}

const nowhereElse = (): ApiError => new ApiError('not_found', 'Nobody signs in on another page here: see authentication.sso.');

async function endOwn(holder: Pick<Actor, 'user_id'>, sessionId: string): Promise<void> {
  if ((await endSession(parts, holder, sessionId)) === 'busy') throw busy();
  await closeConnections(holder);
}

const busy = (): ApiError => new ApiError('unavailable', 'Others change this user right now. Try again.');

/** Connections look again whether they may stay. They also do so at each subscription, should this not reach them. */
const closeConnections = (actor: Pick<Actor, 'user_id'>): Promise<void> =>
  invokeLater(environment.SOCKET_FUNCTION, { look_again_at: actor.user_id }).catch((error: unknown) =>
    log.error('connections were not told', error, { user_id: actor.user_id }),
  );
