/** Opens the approval request of an execution and keeps the waiting state's token with it. */
import type { Approval } from '../../contracts/approval.ts';
import type { Execution } from '../../contracts/execution.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { Clock } from '../clock.ts';
import { readManifest } from '../execution/manifest.ts';
import type { ExecutionStore, ObjectStore, TaskTokens } from '../execution/ports.ts';
import type { IdentityStore } from '../identity/ports.ts';
import type { Configuration } from '../policy/configuration.ts';
import { updateApproval } from './change.ts';
import { openApproval, writeOpened } from './open.ts';
import { withdraw } from './places.ts';
import type { ApprovalStore, StandingChange } from './ports.ts';
import { contentDigestOf, covers, standingIdOf, use } from './standing.ts';

export interface AwaitParts {
  readonly executions: ExecutionStore;
  readonly approvals: ApprovalStore;
  readonly identities: Pick<IdentityStore, 'get'>;
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
  if (!(await parts.approvals.get(approvalId))) await open(parts, row);
  await parts.approvals.registerToken(approvalId, input.attempt, input.task_token);
  // A cancellation that came before the request existed found nothing to withdraw.
  const latest = await parts.executions.get(input.execution_id);
  if (latest?.cancel_requested) await withdrawFor(parts, approvalId, latest.cancel_requested.by);
  const request = await parts.approvals.get(approvalId);
  if (!request || request.status === 'open') return { outcome: 'waiting' };
  await parts.tokens.complete(input.task_token);
  return { outcome: 'decided' };
}

const MAX_TRIES = 8;

/** As approved when a standing approval covers it; otherwise for its approvers to decide. */
async function open(parts: AwaitParts, row: Execution): Promise<void> {
  const [{ manifest }, requester] = await Promise.all([
    readManifest(parts.objects, row.manifest_key, row.digest),
    parts.identities.get(row.requester.user_id),
  ]);
  const owner = requester?.owner_id ? await parts.identities.get(requester.owner_id) : null;
  if (requester?.owner_id && !owner) throw new Error(`nobody is known who answers for ${requester.user_id}`);
  const now = parts.clock.now();
  const request = openApproval(row, manifest, requester, owner, parts.configuration, now);
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const standing = request.rule.standing_approvals ? await standingFor(parts, request, manifest, row.execution_id, now) : null;
    const written = await writeOpened(parts.approvals, standing ? coveredBy(request, standing, now) : request, standing, now);
    if (written !== 'conflict') return;
  }
  await writeOpened(parts.approvals, request, null, now);
}

async function standingFor(
  parts: AwaitParts,
  request: Approval,
  manifest: Manifest,
  executionId: string,
  now: Date,
): Promise<StandingChange | null> {
  const run = { content_digest: contentDigestOf(manifest), owner_id: request.requester.user_id, team: request.team };
  const standing = await parts.approvals.getStanding(standingIdOf(run.content_digest, run.owner_id, run.team));
  return standing && covers(standing, run, now) ? use(standing, executionId, now) : null;
}

const coveredBy = (request: Approval, { after }: StandingChange, now: Date): Approval => ({
  ...request,
  status: 'approved',
  closed_at: now.toISOString(),
  approved_digest: request.digest,
  settled_digest: request.digest,
  standing_approval_id: after.standing_approval_id,
});

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
