import {
  AdminAddUserToGroupCommand,
  AdminDisableUserCommand,
  AdminEnableUserCommand,
  AdminListGroupsForUserCommand,
  AdminRemoveUserFromGroupCommand,
  AdminUserGlobalSignOutCommand,
  CognitoIdentityProviderClient,
} from '@aws-sdk/client-cognito-identity-provider';
import type { PoolUser, UserDirectory } from '../../core/identity/ports.ts';

const client = new CognitoIdentityProviderClient({ maxAttempts: 3 });

/** Roles are groups of the same name. Nobody is looked up by an e-mail address: that may be another's tomorrow. */
export function cognitoDirectory(userPoolId: string, roleNames: readonly string[]): UserDirectory {
  const named = ({ user_id, pool_username }: PoolUser) => ({ UserPoolId: userPoolId, Username: pool_username ?? user_id });
  return {
    async setRoles(user, roles) {
      // A user is in a few groups; one page holds sixty.
      const { Groups } = await client.send(new AdminListGroupsForUserCommand({ ...named(user), Limit: 60 }));
      const held = (Groups ?? []).flatMap(({ GroupName }) => (GroupName && roleNames.includes(GroupName) ? [GroupName] : []));
      // What is taken away goes first.
      for (const GroupName of held.filter((role) => !roles.includes(role))) {
        await client.send(new AdminRemoveUserFromGroupCommand({ ...named(user), GroupName }));
      }
      for (const GroupName of roles.filter((role) => !held.includes(role))) {
        await client.send(new AdminAddUserToGroupCommand({ ...named(user), GroupName }));
      }
    },
    async setEnabled(user, enabled) {
      if (enabled) {
        await client.send(new AdminEnableUserCommand(named(user)));
        return;
      }
      await client.send(new AdminDisableUserCommand(named(user)));
      await client.send(new AdminUserGlobalSignOutCommand(named(user)));
    },
    async signOut(user) {
      await client.send(new AdminUserGlobalSignOutCommand(named(user)));
    },
  };
}
