/** More people than the instance is seeded with. */
import { randomUUID } from 'node:crypto';
import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
} from '@aws-sdk/client-cognito-identity-provider';
import { type Client, type Role, signInAs } from './airlock.ts';
import { output, settings } from './faults.ts';

const cognito = new CognitoIdentityProviderClient(settings);

/** Somebody new of this role, signed in. */
export async function somebody(role: Role): Promise<Client> {
  const email = `${role}-${randomUUID().slice(0, 8)}@airlock.test`;
  const password = `Al1-${randomUUID()}`;
  const who = { UserPoolId: output('UserPoolId'), Username: email };
  const UserAttributes = [
    { Name: 'email', Value: email },
    { Name: 'email_verified', Value: 'true' },
  ];
  await cognito.send(
    new AdminCreateUserCommand({ ...who, MessageAction: 'SUPPRESS', TemporaryPassword: password, UserAttributes }),
  );
  await cognito.send(new AdminSetUserPasswordCommand({ ...who, Password: password, Permanent: true }));
  await cognito.send(new AdminAddUserToGroupCommand({ ...who, GroupName: role }));
  return await signInAs(email, password);
}
