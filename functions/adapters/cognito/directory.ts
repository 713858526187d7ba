import {
  AdminAddUserToGroupCommand,
  AdminDisableUserCommand,
  AdminEnableUserCommand,
  AdminListGroupsForUserCommand,
  AdminRemoveUserFromGroupCommand,
  AdminUserGlobalSignOutCommand,
  CognitoIdentityProviderClient,
} from '@aws-sdk/client-cognito-identity-provider';
import type { UserDirectory } from '../../core/identity/ports.ts';

const client = new CognitoIdentityProviderClient({ maxAttempts: 3 });

/** Roles are groups of the same name. A pool's user goes by the e-mail address it signs in with. */
export function cognitoDirectory(userPoolId: string, roleNames: readonly string[]): UserDirectory {
  const named = (email: string) => ({ UserPoolId: userPoolId, Username: email });
  return {
    async setRoles({ email }, roles) {
      // A user is in a few groups; one page holds sixty.
      const { Groups } = await client.send(new AdminListGroupsForUserCommand({ ...named(email), Limit: 60 }));
      const held = (Groups ?? []).flatMap(({ GroupName }) => (GroupName && roleNames.includes(GroupName) ? [GroupName] : []));
      // What is taken away goes first.
      for (const GroupName of held.filter((role) => !roles.includes(role))) {
        await client.send(new AdminRemoveUserFromGroupCommand({ ...named(email), GroupName }));
      }
      for (const GroupName of roles.filter((role) => !held.includes(role))) {
        await client.send(new AdminAddUserToGroupCommand({ ...named(email), GroupName }));
      }
    },
    async setEnabled({ email }, enabled) {
      if (enabled) {
        await client.send(new AdminEnableUserCommand(named(email)));
        return;
      }
      await client.send(new AdminDisableUserCommand(named(email)));
      await client.send(new AdminUserGlobalSignOutCommand(named(email)));
    },
    async signOut({ email }) {
      await client.send(new AdminUserGlobalSignOutCommand(named(email)));
    },
  };
}
