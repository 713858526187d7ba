/** Opens the approval request of an execution and keeps the waiting state's token with it. */
import { approvalIdOf } from '../../contracts/ids.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { Clock } from '../clock.ts';
import { readManifest } from '../execution/manifest.ts';
import type { ExecutionStore, ObjectStore, TaskTokens } from '../execution/ports.ts';
import type { Configuration } from '../policy/configuration.ts';
import { updateApproval, withdraw } from './decide.ts';
import { openApproval } from './open.ts';
import type { ApprovalStore } from './ports.ts';

export interface AwaitParts {
  readonly executions: ExecutionStore;
  readonly approvals: ApprovalStore;
  readonly objects: ObjectStore;
  readonly tokens: TaskTokens;
  readonly configuration: Configuration;
  readonly clock: Clock;
}

/** When the decision is already there, or the execution was cancelled meanwhile, the token is completed at once. */
export async function awaitDecision(
  parts: AwaitParts,
  input: { execution_id: string; attempt: number; task_token: string },
): Promise<{ outcome: 'waiting' | 'decided' | 'lost_attempt' }> {
  const row = await parts.executions.get(input.execution_id);
  if (!row || row.attempt !== input.attempt || row.phase !== 'awaiting_approval') {
    await parts.tokens.complete(input.task_token);
    return { outcome: 'lost_attempt' };
  }
  const approvalId = approvalIdOf(row.execution_id);
  if (!(await parts.approvals.get(approvalId))) {
    const { manifest } = await readManifest(parts.objects, row.manifest_key, row.digest);
    const request = openApproval(row, manifest, parts.configuration, parts.clock.now());
    const { record } = appendToChain(approvalId, EMPTY_CHAIN, {
      action: 'opened',
      actor: row.requester.user_id,
      at: request.created_at,
      details: { execution_id: row.execution_id, digest: request.digest, risk: request.risk.level },
    });
    await parts.approvals.create(request, record);
  }
  await parts.approvals.registerToken(approvalId, input.attempt, input.task_token);
  // A cancellation that came before the request existed found nothing to withdraw.
  const latest = await parts.executions.get(input.execution_id);
  if (latest?.cancel_requested) await withdrawFor(parts, approvalId, latest.cancel_requested.by);
  const request = await parts.approvals.get(approvalId);
  if (!request || request.status === 'open') return { outcome: 'waiting' };
  await parts.tokens.complete(input.task_token);
  return { outcome: 'decided' };
}

/** Closes the request of a cancelled execution and wakes the machine that waits for it. */
export async function withdrawFor(
  parts: Pick<AwaitParts, 'approvals' | 'tokens' | 'clock'>,
  approvalId: string,
  actor: string,
): Promise<void> {
  const now = parts.clock.now();
  const { row } = await updateApproval(parts.approvals, approvalId, now, (request) => {
    const change = withdraw(request, actor, now);
    return change && { change };
  });
  if (row && row.status !== 'open' && row.task_token) await parts.tokens.complete(row.task_token);
}
