/** Whoever came by a personal link: the person it was sent to, with the rights they have now. */
import type { IdentityRecord } from '../../contracts/identity.ts';
import { type Actor, permissionsOf, type RolePermissions } from './actor.ts';
import { type SessionRules, standingOf } from './current.ts';

interface Visit {
  readonly user_id: string;
  readonly approval_id: string;
  readonly created_at: string;
  readonly expires_at: string;
}

export type Visitor =
  /** Disabled, gone, or all that was theirs before some moment was ended. */
  | { readonly standing: 'over' }
  /** A link is no second factor. */
  | { readonly standing: 'accepted' | 'second_factor_wanted'; readonly actor: Actor };

/** A link counts for what a session would that was opened without a second factor when the link was made. */
export function visitorOf(
  identity: IdentityRecord | null,
  { user_id, approval_id, created_at, expires_at }: Visit,
  granted: RolePermissions,
  rules: SessionRules,
): Visitor {
  if (!identity) return { standing: 'over' };
  const session_id = `link:${approval_id}`;
  const session = { session_id, user_id, second_factor: false, expires_at, ended: false };
  const standing = standingOf(identity, session, created_at, rules);
  if (standing === 'over') return { standing };
  const { email, roles, teams, trusted_agent, owner_id } = identity;
  const actor: Actor = {
    ...{ user_id, email, roles, teams, trusted_agent, owner_id },
    permissions: permissionsOf(roles, granted),
    credential: { kind: 'session', session_id, issued_at: created_at, second_factor: false, limited_to: approval_id },
  };
  return { standing, actor };
}
