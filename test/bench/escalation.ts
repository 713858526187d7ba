import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { AuditRecord } from '../../functions/contracts/audit.ts';
import { approvalOf, as, until } from '../support/airlock.ts';
import { output, stepFunctions, tables } from '../support/faults.ts';
import { type Measurement, repeat } from './measurement.ts';
import { withWaiting } from './waiting-requests.ts';

/** The rule's time of a level → an auditor, who looks ten times a second, reads that the next one was asked. */
export const escalation: Measurement = {
  name: 'escalation',
  rounds: { usual: 5, full: 20 },
  measure: async (rounds) => [
    {
      what: 'time of a level over → escalated, and on record',
      unit: 'ms',
      samples: await repeat(rounds, () => withWaiting(once)),
      bars: [{ quantile: 'p95', atMost: 30_000 }],
      note: 'The request is made older than it is, and a state machine like its own is started on it.',
    },
  ],
};

const AHEAD_MS = 3000;

async function once(submitted: { approval_id: string | null }): Promise<number> {
  const { next_escalation, created_at } = await approvalOf(submitted);
  if (!next_escalation) throw new Error('the rule of this instance does not escalate');
  const levelMs = Date.parse(next_escalation.at) - Date.parse(created_at);
  await tables.send(
    new UpdateCommand({
      TableName: output('ApprovalsTableName'),
      Key: { approval_id: submitted.approval_id },
      UpdateExpression: 'SET stage_started_at = :began',
      ExpressionAttributeValues: { ':began': new Date(Date.now() + AHEAD_MS - levelMs).toISOString() },
    }),
  );
  const due = (await approvalOf(submitted)).next_escalation?.at;
  if (!due) throw new Error('no escalation is due');
  await stepFunctions.send(
    new StartExecutionCommand({
      stateMachineArn: output('ApprovalClockStateMachineArn'),
      name: `${submitted.approval_id}-bench`,
      input: JSON.stringify({ approval_id: submitted.approval_id, stage: 0 }),
    }),
  );
  const admin = await as('admin');
  await until('the escalation', async () => {
    const path = `/api/v1/audit?entity_id=${submitted.approval_id}`;
    const { body } = await admin.call<{ records?: AuditRecord[] }>('GET', path);
    return body.records?.some(({ action }) => action === 'escalated');
  });
  return Date.now() - Date.parse(due);
}
