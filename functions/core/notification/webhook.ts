import { z } from 'zod';
import type { Approval } from '../../contracts/approval.ts';
import { approvalStatus } from '../../contracts/approval.ts';
import { approvalNotice } from '../../contracts/approval-notice.ts';
import { operationType } from '../../contracts/approval-rule.ts';
import { timestamp } from '../../contracts/execution.ts';
import { approvalId, executionId } from '../../contracts/ids.ts';
import { sha256Hex } from '../../contracts/manifest.ts';
import type { Delivery } from '../../contracts/notification.ts';
import { riskLevel } from '../../contracts/risk.ts';
import type { Message } from './message.ts';

/** What a program is told, as the Standard Webhooks specification lays it out: the kind of event, when, and about what. */
export const webhookBody = z.object({
  type: z.string().regex(/^approval\.[a-z_]+$/),
  timestamp,
  data: z.object({
    approval_id: approvalId,
    /** null: not a run. */
    execution_id: executionId.nullable(),
    operation_type: operationType,
    event: approvalNotice.shape.event,
    asks: z.boolean(),
    status: approvalStatus,
    risk_level: riskLevel,
    digest: sha256Hex,
    requester_id: z.string(),
    link: z.string().nullable(),
  }),
});

/** The same whenever it is tried: nothing in it changes after the event. */
export function webhookBodyOf(delivery: Delivery, approval: Approval, message: Message): z.infer<typeof webhookBody> {
  const ended = approvalStatus.safeParse(delivery.event);
  return {
    type: `approval.${delivery.event}`,
    timestamp: delivery.noticed_at,
    data: {
      approval_id: approval.approval_id,
      execution_id: approval.execution_id,
      operation_type: approval.operation_type,
      event: delivery.event,
      asks: delivery.asks,
      status: ended.success ? ended.data : 'open',
      risk_level: approval.risk.level,
      digest: approval.digest,
      requester_id: approval.requester.user_id,
      link: message.link,
    },
  };
}
