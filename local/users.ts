import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
  UsernameExistsException,
} from '@aws-sdk/client-cognito-identity-provider';
import { clientSettings } from './cloud.ts';
import type { Instance, LocalUser } from './instance.ts';
import type { StackOutputs } from './stack-outputs.ts';

/** Makes one user of each role. Users that exist keep what they have, and get the password that the instance remembers. */
export async function seedUsers(instance: Instance, { UserPoolId }: StackOutputs): Promise<void> {
  const cognito = new CognitoIdentityProviderClient(clientSettings(instance));
  await Promise.all(instance.users.map((user) => seedUser(cognito, UserPoolId, user)));
}

async function seedUser(cognito: CognitoIdentityProviderClient, UserPoolId: string, user: LocalUser): Promise<void> {
  const who = { UserPoolId, Username: user.email };
  try {
    await cognito.send(
      new AdminCreateUserCommand({
        ...who,
        MessageAction: 'SUPPRESS',
        // Without one, the pool would make one that its own policy may not like.
        TemporaryPassword: user.password,
        UserAttributes: [
          { Name: 'email', Value: user.email },
          { Name: 'email_verified', Value: 'true' },
        ],
      }),
    );
  } catch (error) {
    if (!(error instanceof UsernameExistsException)) throw error;
  }
  await cognito.send(new AdminSetUserPasswordCommand({ ...who, Password: user.password, Permanent: true }));
  await cognito.send(new AdminAddUserToGroupCommand({ ...who, GroupName: user.role }));
}
