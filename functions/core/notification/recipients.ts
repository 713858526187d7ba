import type { ApprovalNotice } from '../../contracts/approval-notice.ts';
import { isAmong, isSame, type Person } from '../approval/eligibility.ts';

export interface Reachable extends Person {
  readonly disabled: boolean;
}

/** Whom a notice concerns, among everybody there is, by the roles and teams they have now. Nobody is asked who is an agent. */
export function recipientsOf(
  { audience, asks }: Pick<ApprovalNotice, 'audience' | 'asks'>,
  everybody: readonly Reachable[],
): Reachable[] {
  return everybody.filter((person) => {
    if (person.disabled || person.email === '') return false;
    if (asks && person.owner_id !== null) return false;
    if (audience.except.some((other) => isSame(other, person))) return false;
    return isAmong(audience.eligible, person) || audience.people.some((named) => named.user_id === person.user_id);
  });
}
