import { GetCommand } from '@aws-sdk/lib-dynamodb';
import type { ApprovalView } from '../../functions/contracts/approval.ts';
import type { AuditRecord } from '../../functions/contracts/audit.ts';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { as, finished, submit, until } from '../support/airlock.ts';
import { output, tables } from '../support/faults.ts';
import { type Measurement, repeat } from './measurement.ts';
import { auditTime, poolIsFull } from './stack.ts';

/** The decision as it was stored → the audit record of the next state, both on the product's own clock; and → its own record, as an auditor reads it. */
export const decision: Measurement = {
  name: 'decision',
  rounds: { usual: 10, full: 40 },
  async measure(rounds) {
    const samples = await repeat(rounds, once);
    return [
      {
        what: 'approval decision → next state entered',
        unit: 'ms',
        samples: samples.map(({ toNextState }) => toNextState),
        bars: [{ quantile: 'p95', atMost: 1000 }],
      },
      {
        what: 'approval decision → its audit record read back',
        unit: 'ms',
        samples: samples.map(({ toRecord }) => toRecord),
        bars: [{ quantile: 'p95', atMost: 1000 }],
        note: 'The record is written in the transaction of the decision; what passes is the answer and the read.',
      },
    ];
  },
};

async function once(): Promise<{ toNextState: number; toRecord: number }> {
  await poolIsFull();
  const submitted = await submit({ language: 'python', code: 'print(1)', approval_required: true, label: 'bench' });
  await machineWaits(submitted);
  const [approver, admin] = await Promise.all([as('approver'), as('admin')]);
  const { status, body } = await approver.call<ApprovalView>('POST', `/api/v1/approvals/${submitted.approval_id}/decision`, {
    decision: 'approve',
    digest: submitted.digest,
  });
  const decidedAt = body.decisions?.at(-1)?.decided_at;
  if (!decidedAt) throw new Error(`approving answered ${status}: ${JSON.stringify(body)}`);
  await until('the audit record of the decision', async () => {
    const audit = await admin.call<{ records: AuditRecord[] }>('GET', `/api/v1/audit?entity_id=${submitted.approval_id}`);
    if (audit.status !== 200) throw new Error(`the audit answered ${audit.status}: ${JSON.stringify(audit.body)}`);
    return audit.body.records.some((record) => record.action === 'decided');
  });
  const toRecord = Date.now() - Date.parse(decidedAt);
  return { toNextState: auditTime(await finished(submitted.execution_id), 'queued') - Date.parse(decidedAt), toRecord };
}

/** A decision before the machine has handed over its token would be found, not told; that is another path. */
async function machineWaits({ approval_id }: Pick<ExecutionResult, 'approval_id'>): Promise<void> {
  await until('the machine to wait for the approvers', async () => {
    const { Item } = await tables.send(
      new GetCommand({ TableName: output('ApprovalsTableName'), Key: { approval_id }, ConsistentRead: true }),
    );
    return Item?.task_token;
  });
}
