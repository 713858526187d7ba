/** To whom something about a request is to be said. How it reaches them is nothing of the request's. */
import type { Approval } from '../../contracts/approval.ts';
import type { ApprovalNotice } from '../../contracts/approval-notice.ts';
import type { Eligibility } from '../../contracts/approval-rule.ts';
import { delegatesNow, eligibleNow, isSame, nameOf } from './eligibility.ts';

export type NoticeDraft = Pick<ApprovalNotice, 'event' | 'asks' | 'audience'>;

export const NOBODY: Eligibility = { roles: [], groups: [], people: [] };

/** These and whoever holds a place, except those who have acted in this stage, or may not decide at all. */
export function audienceOf(request: Approval, now: Date, eligible: Eligibility): NoticeDraft['audience'] {
  const acted = request.decisions
    .filter((made) => made.stage === request.stage)
    .flatMap((made) => (made.on_behalf_of ? [made.approver, made.on_behalf_of] : [made.approver]));
  const except = [request.requester, ...(request.agent_owner ? [request.agent_owner] : []), ...acted];
  const people = delegatesNow(request, now)
    .map((delegation) => delegation.to)
    .filter((person) => !except.some((other) => isSame(other, person)));
  return { eligible, people: people.map(nameOf), except: except.map(nameOf) };
}

/** How it ended, for everybody who was asked and whoever asked. */
export function toEverybody(request: Approval, event: NoticeDraft['event']): NoticeDraft {
  const people = [
    request.requester,
    ...request.decisions.map((made) => made.approver),
    ...request.delegations.map((one) => one.to),
  ];
  const distinct = people.filter((person, index) => people.findIndex((other) => isSame(other, person)) === index);
  return { event, asks: false, audience: { eligible: eligibleNow(request), people: distinct.map(nameOf), except: [] } };
}

const KEPT_DAYS = 90;

/** The records of one change, named by its number in the request's audit chain: writing the change twice names them twice the same. */
export function noticesOf(request: Approval, sequence: number, drafts: readonly NoticeDraft[], at: string): ApprovalNotice[] {
  return drafts.map((draft, index) => ({
    notice_id: `ntc_${request.approval_id.replace(/^apr_/, '')}_${String(sequence).padStart(6, '0')}_${index}`,
    request_id: request.approval_id,
    ...draft,
    stage: request.stage,
    level: request.level,
    at,
    expires_at_seconds: Math.floor(Date.parse(at) / 1000) + KEPT_DAYS * 86_400,
  }));
}
