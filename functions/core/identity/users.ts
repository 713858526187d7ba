/** How an admin changes a user. The last enabled admin stays one: nobody can lock everybody out. */
import type { IdentityRecord, UserChange } from '../../contracts/identity.ts';
import { appendToChain } from '../audit/chain.ts';
import type { Actor } from './actor.ts';
import type { IdentityStore, UserDirectory } from './ports.ts';

interface Parts {
  readonly identities: Pick<IdentityStore, 'get' | 'save'>;
  readonly directory: UserDirectory;
}

export type UserChangeOutcome =
  | { readonly outcome: 'changed'; readonly user: IdentityRecord }
  | { readonly outcome: 'not_found' }
  | { readonly outcome: 'last_admin' }
  | { readonly outcome: 'busy' };

const MAX_TRIES = 4;

/**
 * The row first, because it is what every request reads; then the pool, from whose groups the next sign-in takes the roles again. When
 * the pool fails the caller is told, and the same change can be sent again.
 */
export async function changeUser(
  parts: Parts,
  admin: Actor,
  userId: string,
  change: UserChange,
  now: Date,
): Promise<UserChangeOutcome> {
  const { reason, ...wanted } = change;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const before = await parts.identities.get(userId);
    if (!before) return { outcome: 'not_found' };
    const { record, end } = appendToChain(`user#${userId}`, before, {
      action: 'user_changed',
      actor: admin.user_id,
      at: now.toISOString(),
      details: { ...wanted, reason },
    });
    const after = { ...withChange(before, wanted, now), ...end };
    const saved = await parts.identities.save(before, after, record);
    if (saved === 'conflict') continue;
    if (saved === 'last_admin') return { outcome: 'last_admin' };
    if (wanted.roles) await parts.directory.setRoles(after, after.roles);
    if (wanted.disabled !== undefined) await parts.directory.setEnabled(after, !wanted.disabled);
    if (wanted.sign_out) await parts.directory.signOut(after);
    return { outcome: 'changed', user: after };
  }
  return { outcome: 'busy' };
}

/** Whoever is enabled again signs in anew: what was issued before stays worthless. */
function withChange(before: IdentityRecord, wanted: Omit<UserChange, 'reason'>, now: Date): IdentityRecord {
  return {
    ...before,
    ...(wanted.roles ? { roles: [...new Set(wanted.roles)].sort() } : {}),
    ...(wanted.teams ? { teams: [...new Set(wanted.teams)] } : {}),
    ...(wanted.trusted_agent === undefined ? {} : { trusted_agent: wanted.trusted_agent }),
    ...(wanted.owner_id === undefined ? {} : { owner_id: wanted.owner_id }),
    ...(wanted.disabled === undefined ? {} : { disabled: wanted.disabled }),
    ...(wanted.disabled === true || wanted.sign_out ? { valid_after: now.toISOString(), ended_sessions: [] } : {}),
  };
}
