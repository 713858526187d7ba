import { dynamoApiKeys } from '../../adapters/dynamo/api-keys.ts';
import { tellOwners } from '../../core/identity/key-rotation.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/key-rotation');
const keys = dynamoApiKeys({ identity: environment.IDENTITY_TABLE, audit: environment.AUDIT_TABLE });

/** Each hour, the owners of the keys that became due. */
export async function handler() {
  const told = await tellOwners(keys, clock.now());
  log.info('told the owners of keys due for rotation', { keys: told.length });
  return { told };
}
