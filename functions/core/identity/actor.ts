/** Who is calling, and what they may do. The one place that answers it. */
import type { Permission } from '../../contracts/route.ts';

export const ROLES = ['admin', 'developer', 'approver', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

export interface Actor {
  readonly user_id: string;
  readonly email: string;
  readonly roles: readonly Role[];
  /** An attribute an admin gives an identity; never taken from a request. */
  readonly trusted_agent: boolean;
}

/** The seed's roles; `*` grants routes, never eligibility to approve. */
const PERMISSIONS_OF_ROLE: Record<Role, readonly Permission[] | '*'> = {
  admin: '*',
  developer: ['execute_code', 'access_agents', 'read_state'],
  approver: ['read_state', 'view_results', 'approve'],
  viewer: ['read_state', 'view_results'],
};

export const isRole = (name: string): name is Role => ROLES.some((role) => role === name);

export function hasPermission(actor: Actor, permission: Permission): boolean {
  return actor.roles.some((role) => {
    const granted = PERMISSIONS_OF_ROLE[role];
    return granted === '*' || granted.includes(permission);
  });
}

/** Own things always; those of others with `view_results`. List and get routes both ask here. */
export const maySeeAll = (actor: Actor): boolean => hasPermission(actor, 'view_results');

export const maySee = (actor: Actor, resource: { requester: { user_id: string } }): boolean =>
  resource.requester.user_id === actor.user_id || maySeeAll(actor);

/** Ending a run is for its owner and for admins. */
export const mayCancel = (actor: Actor, resource: { requester: { user_id: string } }): boolean =>
  resource.requester.user_id === actor.user_id || actor.roles.includes('admin');
