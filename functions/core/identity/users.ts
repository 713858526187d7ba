/** How an admin changes a user. The last enabled admin stays one: nobody can lock everybody out. */
import type { IdentityRecord, UserChange } from '../../contracts/identity.ts';
import { appendToChain } from '../audit/chain.ts';
import { type Actor, permissionsOf, type RolePermissions } from './actor.ts';
import type { IdentityStore, UserDirectory } from './ports.ts';

interface Parts {
  readonly identities: Pick<IdentityStore, 'get' | 'save' | 'holdRoles'>;
  readonly directory: UserDirectory;
  readonly granted: RolePermissions;
  readonly now: () => Date;
}

export type UserChangeOutcome =
  | { readonly outcome: 'changed'; readonly user: IdentityRecord }
  | { readonly outcome: 'not_found' }
  | { readonly outcome: 'forbidden'; readonly detail: string }
  | { readonly outcome: 'last_admin' }
  | { readonly outcome: 'busy' };

const MAX_TRIES = 4;
/** Until the pool has the roles too, no sign-in says anything about them. */
const UNTIL_THE_POOL_KNOWS = '9999-12-31T23:59:59.999Z';
/** Our clock and the pool's differ by less. */
const CLOCKS_DIFFER_MS = 5000;

/**
 * The row first, because it is what every request reads; then the pool, from whose groups later sign-ins take the roles again. When the
 * pool fails the caller is told, the row stays as the admin wants it, and the same change can be sent again.
 */
export async function changeUser(parts: Parts, admin: Actor, userId: string, change: UserChange): Promise<UserChangeOutcome> {
  const { reason, ...wanted } = change;
  const tooMuch = whyNotGrant(parts.granted, admin, userId, wanted);
  if (tooMuch !== null) return { outcome: 'forbidden', detail: tooMuch };
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const before = await parts.identities.get(userId);
    if (!before) return { outcome: 'not_found' };
    const now = parts.now();
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
    if (wanted.roles) await tellPool(parts, after);
    if (wanted.disabled !== undefined) await parts.directory.setEnabled(after, !wanted.disabled);
    if (wanted.sign_out) await parts.directory.signOut(after);
    return { outcome: 'changed', user: after };
  }
  return { outcome: 'busy' };
}

/**
 * Two admins may be at it at once, and the pool hears the one who was earlier last: whoever finds the row changed tells the pool what it
 * says now.
 */
async function tellPool({ identities, directory, now }: Parts, changed: IdentityRecord): Promise<void> {
  let row = changed;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    await directory.setRoles(row, row.roles);
    if (await identities.holdRoles(row, new Date(now().getTime() + CLOCKS_DIFFER_MS).toISOString())) return;
    row = (await identities.get(row.user_id)) ?? row;
  }
}

/** Who manages users gives no more than they have, and nothing to themselves; a key, which somebody else may have found, manages none. */
function whyNotGrant(
  granted: RolePermissions,
  admin: Actor,
  userId: string,
  { roles = [], teams = [], trusted_agent }: Omit<UserChange, 'reason'>,
): string | null {
  if (admin.credential.kind === 'api_key') return 'Sign in to change users: no key does.';
  const given = permissionsOf(roles, granted);
  const beyond = given.filter((permission) => !admin.permissions.includes(permission));
  if (beyond.length > 0) return `These roles may more than you do: ${beyond.join(', ')}.`;
  if (userId !== admin.user_id) return null;
  const gained = roles.filter((role) => !admin.roles.includes(role));
  if (gained.length > 0) return `Somebody else has to give you the role ${gained.join(', ')}.`;
  const joined = admin.permissions.includes('view_all_teams') ? [] : teams.filter((team) => !admin.teams.includes(team));
  if (joined.length > 0) return `Somebody else has to put you into the team ${joined.join(', ')}.`;
  return trusted_agent === true && !admin.trusted_agent ? 'Somebody else has to trust you.' : null;
}

/** Whoever is enabled again signs in anew: what was issued before stays worthless. */
function withChange(before: IdentityRecord, wanted: Omit<UserChange, 'reason'>, now: Date): IdentityRecord {
  return {
    ...before,
    ...(wanted.roles ? { roles: [...new Set(wanted.roles)].sort(), roles_held_until: UNTIL_THE_POOL_KNOWS } : {}),
    ...(wanted.teams ? { teams: [...new Set(wanted.teams)] } : {}),
    ...(wanted.trusted_agent === undefined ? {} : { trusted_agent: wanted.trusted_agent }),
    ...(wanted.owner_id === undefined ? {} : { owner_id: wanted.owner_id }),
    ...(wanted.disabled === undefined ? {} : { disabled: wanted.disabled }),
    ...(wanted.disabled === true || wanted.sign_out ? { valid_after: now.toISOString() } : {}),
  };
}
