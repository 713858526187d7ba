/** Who may look at a request: whoever asked, whoever may decide it, and approvers who reach its team. */
import type { Approval } from '../../contracts/approval.ts';
import type { Actor } from '../identity/actor.ts';
import { authorize, isInScope, type Resource } from '../identity/authorize.ts';
import { delegatesNow, isEligible, isSame } from './eligibility.ts';

export const resourceOf = (request: Approval): Resource => ({
  owner_id: request.requester.user_id,
  team: request.team,
  environment: request.environment,
  label: request.label,
});

export function maySee(actor: Actor, request: Approval, now: Date): boolean {
  const resource = resourceOf(request);
  if (authorize(actor, 'read_state', resource) && isParty(actor, request)) return true;
  if (!authorize(actor, 'approve') || !isInScope(actor, resource)) return false;
  const isAsked = isEligible(request, actor) || delegatesNow(request, now).some((delegation) => isSame(delegation.to, actor));
  return isAsked || authorize(actor, 'approve', resource);
}

/** Whoever asked, and whoever answers for the agent that did. */
const isParty = (actor: Actor, request: Approval): boolean =>
  isSame(request.requester, actor) || (request.agent_owner !== null && isSame(request.agent_owner, actor));
