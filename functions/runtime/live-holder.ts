import { dynamoApiKeys } from '../adapters/dynamo/api-keys.ts';
import { dynamoHolders, dynamoIdentities } from '../adapters/dynamo/identities.ts';
import { dynamoLive } from '../adapters/dynamo/live.ts';
import { dynamoRestrictions } from '../adapters/dynamo/security.ts';
import type { Actor } from '../core/identity/actor.ts';
import { currentHolder } from '../core/live/look-again.ts';
import type { Configuration } from '../core/policy/configuration.ts';
import { clock } from './system.ts';

interface Tables {
  readonly identity: string;
  readonly ephemera: string;
  readonly security: string;
}

/** Tells whose connection it is, with the rights of this moment; null: nobody's, or nothing is left of them. */
export function liveHolders(
  { identity, ephemera, security }: Tables,
  { authorization, authentication }: Configuration['security'],
): (connectionId: string) => Promise<Actor | null> {
  const connections = dynamoLive(ephemera);
  const stores = {
    identities: dynamoIdentities({ identity }),
    holders: dynamoHolders({ identity, ephemera }),
    keys: dynamoApiKeys({ identity }),
    restrictions: dynamoRestrictions(security),
  };
  return async (connectionId) => {
    const then = await connections.actorOf(connectionId);
    const rules = { mfaRoles: authentication.mfa.required_for_roles, now: clock.now() };
    return then && (await currentHolder(stores, then, authorization.roles, rules));
  };
}
