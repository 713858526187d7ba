import type { Approval } from '../../functions/contracts/approval.ts';
import type { ApprovalNotice } from '../../functions/contracts/approval-notice.ts';
import { NOBODY, noticesOf } from '../../functions/core/approval/notices.ts';
import { NOW, who } from './entities.ts';

/** A notice of a request as its change would write it, for everybody with the role approver. */
export function noticeOf(request: Approval, sequence: number, more: Partial<ApprovalNotice> = {}): ApprovalNotice {
  const audience = { eligible: who({ roles: ['approver'] }), people: [], except: [] };
  const [notice] = noticesOf(request, sequence, [{ event: 'opened', asks: true, audience }], NOW.toISOString());
  if (!notice) throw new Error('there is one for each draft');
  return { ...notice, ...more };
}

export const noticeFor = (request: Approval, sequence: number, event: ApprovalNotice['event'], asks: boolean) =>
  noticeOf(
    request,
    sequence,
    asks ? { event, asks } : { event, asks, audience: { eligible: NOBODY, people: [request.requester], except: [] } },
  );
