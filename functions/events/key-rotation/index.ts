import { dynamoApiKeys } from '../../adapters/dynamo/api-keys.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { sendMail } from '../../adapters/ses/mail.ts';
import { type TellingParts, tellOwners } from '../../core/identity/key-rotation.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/key-rotation');
const { email } = readConfiguration().notificationChannels;
const parts: TellingParts = {
  keys: dynamoApiKeys({ identity: environment.IDENTITY_TABLE, audit: environment.AUDIT_TABLE }),
  identities: dynamoIdentities({ identity: environment.IDENTITY_TABLE }),
  mail: email && ((to, message) => sendMail(email.from_address, to, message)),
  onUnsent: (keyId, error) => log.error('an owner was not told', error, { key_id: keyId }),
};

/** Each hour, the owners of the keys that became due. */
export async function handler() {
  const told = await tellOwners(parts, clock.now());
  log.info('told the owners of keys due for rotation', { keys: told.length });
  return { told };
}
