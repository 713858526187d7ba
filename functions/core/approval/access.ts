/**
 * Who may look at a request, and so decide it where the rule makes them eligible: whoever asked, approvers who reach its team, and
 * those whom the rule asks as members of a group, by name, or in somebody's place. A role alone reaches no other team.
 */
import type { Approval, StandingApproval } from '../../contracts/approval.ts';
import type { Eligibility } from '../../contracts/approval-rule.ts';
import type { Actor } from '../identity/actor.ts';
import { authorize, isInScope, type Resource } from '../identity/authorize.ts';
import { delegatesNow, eligibleNow, isAmong, isEligible, isSame } from './eligibility.ts';

export const resourceOf = (request: Approval): Resource => ({
  owner_id: request.requester.user_id,
  team: request.team,
  environment: request.environment,
  label: request.label,
});

export function maySee(actor: Actor, request: Approval, now: Date): boolean {
  const { credential } = actor;
  if (credential.kind === 'session' && (credential.limited_to ?? request.approval_id) !== request.approval_id) return false;
  const resource = resourceOf(request);
  if (authorize(actor, 'read_state', resource) && isParty(actor, request)) return true;
  if (!authorize(actor, 'approve') || !isInScope(actor, resource)) return false;
  return isAskedThemselves(actor, request, now) || authorize(actor, 'approve', resource);
}

/** Whoever asked, and whoever answers for the agent that did. */
const isParty = (actor: Actor, request: Approval): boolean =>
  isSame(request.requester, actor) || (request.agent_owner !== null && isSame(request.agent_owner, actor));

function isAskedThemselves(actor: Actor, request: Approval, now: Date): boolean {
  if (delegatesNow(request, now).some((delegation) => isSame(delegation.to, actor))) return true;
  return isEligible(request, actor) && isAmong({ ...eligibleNow(request), roles: [] }, actor);
}

/** Whether somebody could open the request whom these lists ask: in a group, by name, or by a role that reaches its team. */
export function isWithinReach(actor: Actor, request: Approval, asked: Eligibility): boolean {
  if (!authorize(actor, 'approve')) return false;
  return isAmong({ ...asked, roles: [] }, actor) || authorize(actor, 'approve', resourceOf(request));
}

/** An approver of its team, as of the requests it stands in for. */
export const reachesStanding = (actor: Actor, { owner, team }: StandingApproval): boolean =>
  authorize(actor, 'approve', { owner_id: owner.user_id, team, environment: null, label: null });
