/** More people than the instance is seeded with. */
import { randomUUID } from 'node:crypto';
import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
} from '@aws-sdk/client-cognito-identity-provider';
import { type Client, signInAs } from './airlock.ts';
import { output, settings } from './faults.ts';

const cognito = new CognitoIdentityProviderClient(settings);

/** Somebody new of these roles, signed in. */
export async function somebody(roles: string | readonly string[]): Promise<Client> {
  const groups = [roles].flat();
  const email = `${groups[0] ?? 'nobody'}-${randomUUID().slice(0, 8)}@airlock.test`;
  const password = `Al1-${randomUUID()}`;
  await createUser(output('UserPoolId'), { email, password });
  for (const GroupName of groups) {
    await cognito.send(new AdminAddUserToGroupCommand({ UserPoolId: output('UserPoolId'), Username: email, GroupName }));
  }
  return await signInAs(email, password);
}

export async function createUser(UserPoolId: string, user: { email: string; password: string }): Promise<void> {
  const who = { UserPoolId, Username: user.email };
  const UserAttributes = [
    { Name: 'email', Value: user.email },
    { Name: 'email_verified', Value: 'true' },
  ];
  await cognito.send(
    new AdminCreateUserCommand({ ...who, MessageAction: 'SUPPRESS', TemporaryPassword: user.password, UserAttributes }),
  );
  await cognito.send(new AdminSetUserPasswordCommand({ ...who, Password: user.password, Permanent: true }));
}
