/** What responses to threats are made with, by people and by the watch. */
import { dynamoApiKeys } from '../adapters/dynamo/api-keys.ts';
import { dynamoIdentities } from '../adapters/dynamo/identities.ts';
import { dynamoAdminAddresses, dynamoSecurityResponses } from '../adapters/dynamo/security.ts';
import { invokeLater } from '../adapters/lambda/invoke.ts';
import { endSessionsOf } from '../core/identity/sign-in.ts';
import type { ResponseParts } from '../core/security/responses.ts';
import { log, unreadableRow } from './log.ts';
import { clock } from './system.ts';

export function responseParts(settings: {
  readonly SECURITY_TABLE: string;
  readonly AUDIT_TABLE: string;
  readonly IDENTITY_TABLE: string;
  readonly SOCKET_FUNCTION: string;
}): ResponseParts {
  const identities = dynamoIdentities({ identity: settings.IDENTITY_TABLE, audit: settings.AUDIT_TABLE });
  const keys = dynamoApiKeys({ identity: settings.IDENTITY_TABLE });
  return {
    responses: dynamoSecurityResponses({ security: settings.SECURITY_TABLE, audit: settings.AUDIT_TABLE }, unreadableRow),
    adminAddresses: dynamoAdminAddresses(settings.SECURITY_TABLE),
    identities,
    ownerOfKey: async (keyId) => (await keys.get(keyId))?.owner_id ?? null,
    endSessions: (userId, by, reason) => endSessionsOf({ identities, now: clock.now }, userId, { actor: by, reason }),
    lookAgainAt: (userId) =>
      invokeLater(settings.SOCKET_FUNCTION, { look_again_at: userId }).catch((error: unknown) =>
        log.error('connections were not told', error, { user_id: userId }),
      ),
  };
}
