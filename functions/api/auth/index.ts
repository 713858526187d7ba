import { cognitoSignIn, type SignInOutcome } from '../../adapters/cognito/sign-in.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import * as routes from '../../contracts/routes/auth.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError } from '../../runtime/errors.ts';

const environment = environmentOf('api/auth');
const signIn = cognitoSignIn(environment.USER_POOL_CLIENT_ID);
const identities = dynamoIdentities({ identity: environment.IDENTITY_TABLE });

export const handler = apiHandler(environment, [
  route(routes.login, async ({ body }) => ok(await tokensOf(await signIn.withPassword(body.email, body.password)))),
  route(routes.refresh, async ({ body }) => ok(await tokensOf(await signIn.withRefreshToken(body.refresh_token)))),
]);

async function tokensOf(answer: SignInOutcome) {
  if (answer.outcome === 'slow_down') throw new ApiError('too_many_requests', 'Too many sign-ins. Try again in a minute.');
  if (answer.outcome === 'challenged') {
    throw new ApiError('unauthenticated', `Cognito asks for ${answer.challenge} first, which this route does not do yet.`);
  }
  if (answer.outcome === 'refused') throw new ApiError('unauthenticated', 'These credentials are not valid.');
  const identity = await identities.rememberSignIn(answer);
  if (identity.disabled) throw new ApiError('unauthenticated', 'These credentials are not valid.');
  return {
    access_token: answer.access_token,
    ...(answer.refresh_token ? { refresh_token: answer.refresh_token } : {}),
    token_type: 'Bearer' as const,
    expires_in_seconds: answer.expires_in_seconds,
  };
}
