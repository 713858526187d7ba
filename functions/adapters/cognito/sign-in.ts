import {
  AdminInitiateAuthCommand,
  type AdminInitiateAuthCommandOutput,
  AdminRespondToAuthChallengeCommand,
  AssociateSoftwareTokenCommand,
  type AuthenticationResultType,
  CodeMismatchException,
  CognitoIdentityProviderClient,
  EnableSoftwareTokenMFAException,
  ExpiredCodeException,
  InvalidPasswordException,
  NotAuthorizedException,
  PasswordResetRequiredException,
  RevokeTokenCommand,
  SetUserMFAPreferenceCommand,
  TooManyRequestsException,
  UserNotConfirmedException,
  UserNotFoundException,
  VerifySoftwareTokenCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { z } from 'zod';
import { type RoleRules, rolesOf } from '../../core/identity/claims.ts';
import type { PoolAnswer, PoolTokens, SignInPool } from '../../core/identity/sign-in.ts';

const client = new CognitoIdentityProviderClient({ maxAttempts: 3 });

const idTokenClaims = z.object({
  sub: z.string(),
  email: z.string().optional(),
  email_verified: z.boolean().or(z.stringbool()).default(false),
  'cognito:username': z.string().optional(),
  'cognito:groups': z.array(z.string()).default([]),
  'custom:groups': z.string().optional(),
  identities: z.array(z.object({ providerName: z.string() })).default([]),
  origin_jti: z.string(),
  iat: z.int(),
});

interface GivenTokens {
  readonly access_token: string;
  readonly id_token: string;
  readonly refresh_token: string;
  readonly expires_in_seconds: number;
}

export interface SignInRules extends RoleRules {
  /** Providers that are somebody's own directory (SAML): they know no unverified addresses, and have no word for verified ones. */
  readonly directories: readonly string[];
}

/** Straight from Cognito's own answer, so the claims need no second verification. */
export function readPoolTokens(given: GivenTokens, rules: SignInRules): PoolTokens {
  const payload = Buffer.from(given.id_token.split('.')[1] ?? '', 'base64url').toString('utf8');
  const claims = idTokenClaims.parse(JSON.parse(payload));
  const provider = claims.identities[0]?.providerName ?? null;
  const groups = { groups: claims['cognito:groups'], provider, providerGroups: claims['custom:groups'] };
  const isVerified = claims.email_verified || (provider !== null && rules.directories.includes(provider));
  return {
    ...given,
    user_id: claims.sub,
    email: isVerified ? (claims.email ?? null) : null,
    pool_username: provider === null ? null : (claims['cognito:username'] ?? null),
    roles: rolesOf(groups, rules),
    provider,
    session_id: claims.origin_jti,
    issued_at: new Date(claims.iat * 1000).toISOString(),
  };
}

/**
 * As the pool's admin, which takes our own role beside the password: who knows a client's id and a password gets nothing from the pool
 * itself, and so not past what is asked for here.
 */
export function cognitoSignIn(
  { userPoolId, clientId }: { readonly userPoolId: string; readonly clientId: string },
  rules: SignInRules,
): SignInPool {
  const us = { UserPoolId: userPoolId, ClientId: clientId };
  const read = (given: GivenTokens): PoolTokens => readPoolTokens(given, rules);
  const answerOf = (
    answer: AdminInitiateAuthCommandOutput,
    { name = '', refreshToken = '' }: { name?: string; refreshToken?: string },
  ): PoolAnswer => {
    const tokens: AuthenticationResultType | undefined = answer.AuthenticationResult;
    if (tokens?.AccessToken && tokens.IdToken) {
      const given = {
        access_token: tokens.AccessToken,
        id_token: tokens.IdToken,
        refresh_token: tokens.RefreshToken ?? refreshToken,
        expires_in_seconds: tokens.ExpiresIn ?? 0,
      };
      return { outcome: 'signed_in', tokens: read(given) };
    }
    const pending = { session: answer.Session ?? '', pool_username: answer.ChallengeParameters?.USER_ID_FOR_SRP ?? name };
    if (answer.ChallengeName === 'SOFTWARE_TOKEN_MFA') return { outcome: 'challenged', kind: 'mfa', ...pending };
    if (answer.ChallengeName === 'NEW_PASSWORD_REQUIRED') return { outcome: 'challenged', kind: 'new_password', ...pending };
    throw new Error(`Cognito asks for ${answer.ChallengeName}, which nobody here set up`);
  };

  const asked = async (
    send: () => Promise<AdminInitiateAuthCommandOutput>,
    kept: { name?: string; refreshToken?: string },
  ): Promise<PoolAnswer> => {
    try {
      return answerOf(await send(), kept);
    } catch (error) {
      if (error instanceof TooManyRequestsException) return { outcome: 'slow_down' };
      if (error instanceof InvalidPasswordException) return { outcome: 'unfit_password', detail: error.message };
      if (isRefusal(error)) return { outcome: 'refused' };
      throw error;
    }
  };

  const respond = (
    username: string,
    session: string,
    name: 'SOFTWARE_TOKEN_MFA' | 'NEW_PASSWORD_REQUIRED',
    more: Record<string, string>,
  ) =>
    asked(
      () =>
        client.send(
          new AdminRespondToAuthChallengeCommand({
            ...us,
            ChallengeName: name,
            Session: session,
            ChallengeResponses: { USERNAME: username, ...more },
          }),
        ),
      { name: username },
    );

  return {
    withPassword: (email, password) =>
      asked(
        () =>
          client.send(
            new AdminInitiateAuthCommand({
              ...us,
              AuthFlow: 'ADMIN_USER_PASSWORD_AUTH',
              AuthParameters: { USERNAME: email, PASSWORD: password },
            }),
          ),
        { name: email },
      ),
    withCode: (name, session, code) => respond(name, session, 'SOFTWARE_TOKEN_MFA', { SOFTWARE_TOKEN_MFA_CODE: code }),
    withNewPassword: (name, session, password) => respond(name, session, 'NEW_PASSWORD_REQUIRED', { NEW_PASSWORD: password }),
    withRefreshToken: (refreshToken) =>
      asked(
        () =>
          client.send(
            new AdminInitiateAuthCommand({
              ...us,
              AuthFlow: 'REFRESH_TOKEN_AUTH',
              AuthParameters: { REFRESH_TOKEN: refreshToken },
            }),
          ),
        { refreshToken },
      ),
    async beginSecondFactor(accessToken) {
      const { SecretCode } = await client.send(new AssociateSoftwareTokenCommand({ AccessToken: accessToken }));
      if (!SecretCode) throw new Error('Cognito gave no secret for an authenticator app');
      return SecretCode;
    },
    async finishSecondFactor(accessToken, code) {
      try {
        const { Status } = await client.send(
          new VerifySoftwareTokenCommand({ AccessToken: accessToken, UserCode: code, FriendlyDeviceName: 'authenticator' }),
        );
        if (Status !== 'SUCCESS') return 'wrong_code';
      } catch (error) {
        if (error instanceof EnableSoftwareTokenMFAException || error instanceof CodeMismatchException) return 'wrong_code';
        throw error;
      }
      await client.send(
        new SetUserMFAPreferenceCommand({
          AccessToken: accessToken,
          SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true },
        }),
      );
      return 'set_up';
    },
    async revoke(refreshToken) {
      if (refreshToken !== '') await client.send(new RevokeTokenCommand({ ClientId: clientId, Token: refreshToken }));
    },
  };
}

/** One answer for all of them: a caller cannot tell an unknown user from a wrong password. */
const isRefusal = (error: unknown): boolean =>
  error instanceof NotAuthorizedException ||
  error instanceof UserNotFoundException ||
  error instanceof UserNotConfirmedException ||
  error instanceof PasswordResetRequiredException ||
  error instanceof CodeMismatchException ||
  error instanceof ExpiredCodeException ||
  (error instanceof Error && error.name === 'InvalidParameterException');
