/** What responses to threats are made with, by people and by the watch. */
import { dynamoApiKeys } from '../adapters/dynamo/api-keys.ts';
import { dynamoIdentities } from '../adapters/dynamo/identities.ts';
import { dynamoAdminAddresses, dynamoSecurityResponses } from '../adapters/dynamo/security.ts';
import { invokeLater } from '../adapters/lambda/invoke.ts';
import type { UserDirectory } from '../core/identity/ports.ts';
import { endSessionsOf } from '../core/identity/sign-in.ts';
import type { ResponseParts } from '../core/security/responses.ts';
import { log, unreadableRow } from './log.ts';
import { clock } from './system.ts';

export function responseParts(given: {
  readonly tables: { readonly security: string; readonly audit: string; readonly identity: string };
  readonly socketFunction: string;
  readonly directory: Pick<UserDirectory, 'signOut'>;
}): ResponseParts {
  const { tables, socketFunction, directory } = given;
  const identities = dynamoIdentities(tables);
  const keys = dynamoApiKeys({ identity: tables.identity });
  return {
    responses: dynamoSecurityResponses(tables, unreadableRow),
    adminAddresses: dynamoAdminAddresses(tables.security),
    identities,
    ownerOfKey: async (keyId) => (await keys.get(keyId))?.owner_id ?? null,
    endSessions: (userId, by, reason) => endSessionsOf({ identities, directory, now: clock.now }, userId, { actor: by, reason }),
    lookAgainAt: (userId) =>
      invokeLater(socketFunction, { look_again_at: userId }).catch((error: unknown) =>
        log.error('connections were not told', error, { user_id: userId }),
      ),
  };
}
