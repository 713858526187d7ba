/** Whether what somebody proved a while ago still counts, and what they may do now. */
import type { IdentityRecord } from '../../contracts/identity.ts';
import type { OpenSession } from '../../contracts/sign-in.ts';
import { type Actor, permissionsOf, type RolePermissions } from './actor.ts';
import { permissionsOfKey } from './key-scope.ts';
import { type ApiKeyStore, mayBeUsed } from './keys.ts';

/** Somebody and the session they are signed in by. */
export interface HolderStore {
  get(userId: string, sessionId: string): Promise<{ identity: IdentityRecord | null; session: OpenSession | null }>;
}

export interface SessionRules {
  readonly mfaRoles: readonly string[];
  readonly now: Date;
}

/**
 * What a token or cookie is still worth. Tokens count whole seconds: one made in the second of a revocation is taken for one made before
 * it. A session counts that was opened here and has not ended, whatever else the user pool gave tokens for; where a role came to somebody
 * that wants a second factor, only one that was opened with it.
 */
export function standingOf(
  { disabled, valid_after: validAfter, roles, user_id }: IdentityRecord,
  session: OpenSession | null,
  issuedAt: string,
  { mfaRoles, now }: SessionRules,
): 'accepted' | 'over' | 'second_factor_wanted' {
  if (disabled || (validAfter !== null && Date.parse(issuedAt) <= Date.parse(validAfter))) return 'over';
  if (!session || session.user_id !== user_id || session.ended || now.toISOString() >= session.expires_at) return 'over';
  return !session.second_factor && wantSecondFactor(roles, mfaRoles) ? 'second_factor_wanted' : 'accepted';
}

export const wantSecondFactor = (roles: readonly string[], mfaRoles: readonly string[]): boolean =>
  roles.some((role) => mfaRoles.includes(role));

interface Stores {
  readonly identities: { get(userId: string): Promise<IdentityRecord | null> };
  readonly holders: HolderStore;
  readonly keys: Pick<ApiKeyStore, 'get'>;
}

/** The same actor with the rights of this moment; null when nothing is left of them. */
export async function currentActor(
  { identities, holders, keys }: Stores,
  before: Actor,
  granted: RolePermissions,
  rules: SessionRules,
): Promise<Actor | null> {
  const { credential } = before;
  if (credential.kind !== 'api_key') {
    const { identity, session } = await holders.get(before.user_id, credential.session_id);
    if (!identity || standingOf(identity, session, credential.issued_at, rules) !== 'accepted') return null;
    return { ...personOf(identity), permissions: permissionsOf(identity.roles, granted), credential };
  }
  const key = await keys.get(credential.key_id);
  const identity = await identities.get(before.user_id);
  if (!identity) return null;
  const { now } = rules;
  const { user_id } = identity;
  const ofOwner = permissionsOf(identity.roles, granted);
  if (!key || key.owner_id !== user_id || identity.disabled || !mayBeUsed(key, now)) return null;
  return {
    ...personOf(identity),
    permissions: permissionsOfKey(key, ofOwner),
    credential: { kind: 'api_key', key_id: key.key_id, resources: key.resources },
  };
}

const personOf = ({ user_id, email, roles, teams, trusted_agent, owner_id }: IdentityRecord) => ({
  ...{ user_id, email, roles, teams, trusted_agent, owner_id },
});
