import { v7 } from 'uuid';
import { dynamoApiKeys } from '../../adapters/dynamo/api-keys.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { dynamoAdminAddresses, dynamoSecurityEvents, dynamoSecurityResponses } from '../../adapters/dynamo/security.ts';
import { endSessionsOf } from '../../core/identity/sign-in.ts';
import { watch } from '../../core/security/monitor.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/security-monitor');
const identities = dynamoIdentities({ identity: environment.IDENTITY_TABLE, audit: environment.AUDIT_TABLE });
const keys = dynamoApiKeys({ identity: environment.IDENTITY_TABLE });
const parts = {
  events: dynamoSecurityEvents(environment.SECURITY_TABLE),
  responses: dynamoSecurityResponses({ security: environment.SECURITY_TABLE, audit: environment.AUDIT_TABLE }),
  adminAddresses: dynamoAdminAddresses(environment.SECURITY_TABLE),
  identities,
  ownerOfKey: async (keyId: string) => (await keys.get(keyId))?.owner_id ?? null,
  endSessions: (userId: string, by: string, reason: string) =>
    endSessionsOf({ identities, now: clock.now }, userId, { actor: by, reason }),
  uuid: v7,
  settings: readConfiguration().security.monitoring,
};

export async function handler() {
  const seen = await watch(parts, clock.now());
  log.info('watched', { anomalies: seen.anomalies, responses: seen.responses.length });
  for (const id of seen.responses) log.warn('security response', { response_id: id });
  return seen;
}
