/** More people than the instance is seeded with. */
import { randomUUID } from 'node:crypto';
import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
} from '@aws-sdk/client-cognito-identity-provider';
import type { Challenge, Tokens } from '../../functions/contracts/sign-in.ts';
import { type Client, call, clientOf } from './airlock.ts';
import { output, settings } from './faults.ts';
import { totp } from './totp.ts';

const cognito = new CognitoIdentityProviderClient(settings);

export interface Person extends Client {
  readonly email: string;
  readonly password: string;
  readonly refreshToken: string;
}

/** Somebody new of these roles, signed in, with a second factor where the role wants one. */
export async function somebody(roles: string | readonly string[]): Promise<Person> {
  const who = await newUser(roles);
  const tokens = await signInWith(who);
  let refreshToken = tokens.refresh_token;
  const renew = async () => {
    const answer = await call<Tokens>('POST', '/api/v1/auth/refresh', { refresh_token: refreshToken });
    if (answer.status !== 200) throw new Error(`the refresh answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    refreshToken = answer.body.refresh_token;
    return answer.body.access_token;
  };
  return { ...clientOf(tokens.access_token, renew), ...who, refreshToken };
}

/** Somebody who can sign in and has not yet. */
export async function newUser(roles: string | readonly string[]): Promise<{ email: string; password: string }> {
  const groups = [roles].flat();
  const email = `${groups[0] ?? 'nobody'}-${randomUUID().slice(0, 8)}@airlock.test`;
  const password = `Al1-${randomUUID()}`;
  await createUser(output('UserPoolId'), { email, password });
  for (const GroupName of groups) {
    await cognito.send(new AdminAddUserToGroupCommand({ UserPoolId: output('UserPoolId'), Username: email, GroupName }));
  }
  return { email, password };
}

/** Goes all the way, whatever is asked for on it. */
export async function signInWith(user: { email: string; password: string; second_factor?: boolean }): Promise<Tokens> {
  const { email, password, second_factor } = user;
  const answer = await call<Tokens & Challenge>('POST', '/api/v1/auth/login', { email, password, second_factor });
  if (answer.status === 200) return answer.body;
  const { challenge_id, secret } = answer.body;
  if (answer.status !== 202 || secret === undefined)
    throw new Error(`signing in as ${email} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  const done = await call<Tokens>('POST', '/api/v1/auth/challenge', { challenge_id, code: totp(secret) });
  if (done.status !== 200) throw new Error(`the code answered ${done.status}: ${JSON.stringify(done.body)}`);
  return done.body;
}

export async function createUser(
  UserPoolId: string,
  user: { email: string; password: string },
  { isTemporary = false } = {},
): Promise<void> {
  const who = { UserPoolId, Username: user.email };
  const UserAttributes = [
    { Name: 'email', Value: user.email },
    { Name: 'email_verified', Value: 'true' },
  ];
  await cognito.send(
    new AdminCreateUserCommand({ ...who, MessageAction: 'SUPPRESS', TemporaryPassword: user.password, UserAttributes }),
  );
  if (!isTemporary) await cognito.send(new AdminSetUserPasswordCommand({ ...who, Password: user.password, Permanent: true }));
}
