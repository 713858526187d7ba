import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoSandboxes } from '../../adapters/dynamo/sandboxes.ts';
import { invokeLater } from '../../adapters/lambda/invoke.ts';
import { taskTokens } from '../../adapters/sfn/machine.ts';
import { type Execution, execution } from '../../contracts/execution.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import { withdrawFor } from '../../core/approval/await.ts';
import { release } from '../../core/execution/reconcile.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { streamHandler } from '../../runtime/stream-handler.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/execution-changed');
const parts = {
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: environment.AUDIT_TABLE }),
  sandboxes: dynamoSandboxes(environment.SANDBOXES_TABLE),
  tokens: taskTokens,
  clock,
};

/** What follows from an execution's change, whoever made it: the end gives back what it held, a cancellation reaches what it is doing. */
export const handler = streamHandler('execution changed', async ({ before, after }) => {
  if (!after) return;
  const row = execution.parse(after);
  const isNewPhase = before?.phase !== row.phase;
  if (row.phase === 'done' && isNewPhase)
    await release(parts, { execution_id: row.execution_id, user_id: row.requester.user_id }, row);
  if (row.cancel_requested && (before?.cancel_requested === undefined || isNewPhase)) await cancel(row, row.cancel_requested);
  if (isNewPhase) await invokeLater(environment.PUSH_FUNCTION, { kind: 'status', execution_id: row.execution_id });
});

async function cancel(row: Execution, request: { by: string; reason: string }): Promise<void> {
  // A machine may wait for a decision whatever the row says: somebody may have called the later steps by hand.
  if (['awaiting_approval', 'queued', 'starting'].includes(row.phase))
    await withdrawFor(parts, approvalIdOf(row.execution_id), request.by);
  if (row.phase === 'queued' && row.queue_token) await parts.tokens.complete(row.queue_token);
  if (row.phase === 'running')
    await invokeLater(environment.CANCEL_RUN_FUNCTION, { execution_id: row.execution_id, reason: request.reason });
}
