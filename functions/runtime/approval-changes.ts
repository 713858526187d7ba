/** The one way to change a request on somebody's behalf, whichever channel they came by: what they may see, then what is decided, then what follows. */
import { taskTokens } from '../adapters/sfn/machine.ts';
import type { Approval } from '../contracts/approval.ts';
import { updateApproval } from '../core/approval/change.ts';
import type { ChangeOutcome } from '../core/approval/decide.ts';
import type { ApprovalStore } from '../core/approval/ports.ts';
import { seenRequest as seen } from '../core/approval/seen.ts';
import type { ExecutionStore } from '../core/execution/ports.ts';
import type { Actor } from '../core/identity/actor.ts';
import { ApiError } from './errors.ts';
import { log } from './log.ts';
import { clock, wait } from './system.ts';

export type Change = (request: Approval) => ChangeOutcome | Promise<ChangeOutcome>;

interface Parts {
  readonly approvals: ApprovalStore;
  /** Where a caller may name a request before it is opened; null where it was told of to them before. */
  readonly executions: Pick<ExecutionStore, 'get'> | null;
}

export function approvalChanges({ approvals, executions }: Parts) {
  async function seenRequest(actor: Actor, approvalId: string): Promise<Approval> {
    const row = await seen({ approvals, executions, now: clock.now, wait }, actor, approvalId);
    if (!row) throw notFound();
    return row;
  }

  /** Makes a change of a request that the actor may see; what refuses it is the answer. */
  async function change(actor: Actor, approvalId: string, wanted: Change): Promise<Approval> {
    await seenRequest(actor, approvalId);
    const { row } = await updateApproval(approvals, approvalId, clock.now(), async (request) => {
      const outcome = await wanted(request);
      if (outcome.outcome === 'refused') throw new ApiError(outcome.code, outcome.detail);
      return outcome;
    });
    if (!row) throw notFound();
    // The change is durable. Waking the machine at once saves the stream's moment; if it fails, the stream wakes it.
    if (row.status !== 'open' && row.task_token) {
      await taskTokens
        .complete(row.task_token)
        .catch((error: unknown) => log.error('waking the machine failed', error, { approval_id: row.approval_id }));
    }
    return row;
  }

  return { seenRequest, change };
}

export const notFound = (): ApiError => new ApiError('not_found', 'There is no such resource, or it is not yours.');
