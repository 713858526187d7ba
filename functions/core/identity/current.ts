/** Whether what somebody proved a while ago still counts, and what they may do now. */
import type { IdentityRecord } from '../../contracts/identity.ts';
import { type Actor, permissionsOf, type RolePermissions } from './actor.ts';
import { permissionsOfKey } from './key-scope.ts';
import { type ApiKeyStore, mayBeUsed } from './keys.ts';

/**
 * Tokens count whole seconds: one made in the second of a revocation is taken for one made before it. A session that ended takes all
 * its tokens with it.
 */
export const isAccepted = (
  { disabled, valid_after: validAfter, ended_sessions: ended }: IdentityRecord,
  token: { readonly issued_at: string; readonly session_id: string },
): boolean =>
  !disabled &&
  (validAfter === null || Date.parse(token.issued_at) > Date.parse(validAfter)) &&
  !ended.some(({ session_id }) => session_id === token.session_id);

interface Stores {
  readonly identities: { get(userId: string): Promise<IdentityRecord | null> };
  readonly keys: Pick<ApiKeyStore, 'get'>;
}

/** The same actor with the rights of this moment; null when nothing is left of them. */
export async function currentActor(
  { identities, keys }: Stores,
  before: Actor,
  granted: RolePermissions,
  now: Date,
): Promise<Actor | null> {
  const { credential } = before;
  const key = credential.kind === 'api_key' ? await keys.get(credential.key_id) : null;
  const identity = await identities.get(before.user_id);
  if (!identity) return null;
  const { user_id, email, roles, teams, trusted_agent, owner_id } = identity;
  const person = { user_id, email, roles, teams, trusted_agent, owner_id };
  const ofOwner = permissionsOf(roles, granted);
  if (credential.kind !== 'api_key') {
    return isAccepted(identity, credential) ? { ...person, permissions: ofOwner, credential } : null;
  }
  if (!key || key.owner_id !== user_id || identity.disabled || !mayBeUsed(key, now)) return null;
  return {
    ...person,
    permissions: permissionsOfKey(key, ofOwner),
    credential: { kind: 'api_key', key_id: key.key_id, resources: key.resources },
  };
}
