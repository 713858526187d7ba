import type { Approval } from '../../contracts/approval.ts';
import type { ApprovalNotice } from '../../contracts/approval-notice.ts';
import { isWithinReach } from '../approval/access.ts';
import { isAmong, isSame, type Person } from '../approval/eligibility.ts';
import { type Actor, permissionsOf, type RolePermissions } from '../identity/actor.ts';

export interface Reachable extends Person {
  readonly trusted_agent: boolean;
  readonly disabled: boolean;
}

/**
 * Whom a notice concerns, among everybody there is, by the roles and teams they have now. Of what stands behind a role or a team, only
 * those hear of a request who could open it. Nobody is asked who is an agent.
 */
export function recipientsOf(
  { audience, asks }: Pick<ApprovalNotice, 'audience' | 'asks'>,
  request: Approval,
  everybody: readonly Reachable[],
  granted: RolePermissions,
): Reachable[] {
  return everybody.filter((person) => {
    if (person.disabled || person.email === '') return false;
    if (asks && person.owner_id !== null) return false;
    if (audience.except.some((other) => isSame(other, person))) return false;
    if (audience.people.some((named) => named.user_id === person.user_id)) return true;
    return isAmong(audience.eligible, person) && isWithinReach(signedIn(person, granted), request, audience.eligible);
  });
}

/** As they would come through the link of a message. */
const signedIn = ({ user_id, email, roles, teams, trusted_agent, owner_id }: Reachable, granted: RolePermissions): Actor => ({
  ...{ user_id, email, roles, teams, trusted_agent, owner_id },
  permissions: permissionsOf(roles, granted),
  credential: { kind: 'session', session_id: '', issued_at: '', second_factor: false },
});
