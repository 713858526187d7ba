import {
  CognitoIdentityProviderClient,
  InitiateAuthCommand,
  NotAuthorizedException,
  PasswordResetRequiredException,
  TooManyRequestsException,
  UserNotConfirmedException,
  UserNotFoundException,
} from '@aws-sdk/client-cognito-identity-provider';
import { z } from 'zod';

const client = new CognitoIdentityProviderClient({ maxAttempts: 3 });

export type SignInOutcome =
  | {
      readonly outcome: 'signed_in';
      readonly access_token: string;
      readonly refresh_token: string | undefined;
      readonly expires_in_seconds: number;
      readonly user_id: string;
      readonly email: string;
      /** The groups of the pool the user is in. */
      readonly roles: readonly string[];
    }
  /** The password is right, and Cognito wants something more first. */
  | { readonly outcome: 'challenged'; readonly challenge: string }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'slow_down' };

const idTokenClaims = z.object({
  sub: z.string(),
  email: z.string().default(''),
  'cognito:groups': z.array(z.string()).default([]),
});

export function cognitoSignIn(clientId: string) {
  const initiate = async (
    flow: 'USER_PASSWORD_AUTH' | 'REFRESH_TOKEN_AUTH',
    parameters: Record<string, string>,
  ): Promise<SignInOutcome> => {
    try {
      const answer = await client.send(
        new InitiateAuthCommand({ ClientId: clientId, AuthFlow: flow, AuthParameters: parameters }),
      );
      const tokens = answer.AuthenticationResult;
      if (!tokens?.AccessToken || !tokens.IdToken) return { outcome: 'challenged', challenge: answer.ChallengeName ?? 'unknown' };
      // Straight from Cognito's own answer, so the claims need no second verification.
      const claims = idTokenClaims.parse(
        JSON.parse(Buffer.from(tokens.IdToken.split('.')[1] ?? '', 'base64url').toString('utf8')),
      );
      return {
        outcome: 'signed_in',
        access_token: tokens.AccessToken,
        refresh_token: tokens.RefreshToken,
        expires_in_seconds: tokens.ExpiresIn ?? 0,
        user_id: claims.sub,
        email: claims.email,
        roles: claims['cognito:groups'],
      };
    } catch (error) {
      if (error instanceof TooManyRequestsException) return { outcome: 'slow_down' };
      if (isRefusal(error)) return { outcome: 'refused' };
      throw error;
    }
  };
  return {
    withPassword: (email: string, password: string) => initiate('USER_PASSWORD_AUTH', { USERNAME: email, PASSWORD: password }),
    withRefreshToken: (refreshToken: string) => initiate('REFRESH_TOKEN_AUTH', { REFRESH_TOKEN: refreshToken }),
  };
}

/** One answer for all of them: a caller cannot tell an unknown user from a wrong password. */
const isRefusal = (error: unknown): boolean =>
  error instanceof NotAuthorizedException ||
  error instanceof UserNotFoundException ||
  error instanceof UserNotConfirmedException ||
  error instanceof PasswordResetRequiredException ||
  (error instanceof Error && error.name === 'InvalidParameterException');
