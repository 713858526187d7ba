import { GetCommand } from '@aws-sdk/lib-dynamodb';
import type { ApprovalView } from '../../functions/contracts/approval.ts';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { as, finished, submit, until } from '../support/airlock.ts';
import { output, tables } from '../support/faults.ts';
import { type Measurement, repeat } from './measurement.ts';
import { auditTime, poolIsFull } from './stack.ts';

/** The decision as it was stored → the audit record of the next state, both on the product's own clock. */
export const approval: Measurement = {
  name: 'approval',
  rounds: { usual: 5, full: 40 },
  measure: async (rounds) => [
    {
      what: 'approval decision → next state entered',
      unit: 'ms',
      samples: await repeat(rounds, once),
      bars: [{ quantile: 'p95', atMost: 1000 }],
    },
  ],
};

async function once(): Promise<number> {
  await poolIsFull();
  const submitted = await submit({ language: 'python', code: 'print(1)', approval_required: true, label: 'bench' });
  await machineWaits(submitted);
  const approver = await as('approver');
  const { status, body } = await approver.call<ApprovalView>('POST', `/api/v1/approvals/${submitted.approval_id}/decision`, {
    decision: 'approve',
    digest: submitted.digest,
  });
  const decidedAt = body.decisions?.at(-1)?.decided_at;
  if (!decidedAt) throw new Error(`approving answered ${status}: ${JSON.stringify(body)}`);
  return auditTime(await finished(submitted.execution_id), 'queued') - Date.parse(decidedAt);
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
