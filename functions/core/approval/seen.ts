/** A request as somebody may see it. One that is not there and one of others take the same reads and give the same answer. */
import type { Approval } from '../../contracts/approval.ts';
import type { ExecutionStore } from '../execution/ports.ts';
import { resourceOf } from '../execution/view.ts';
import type { Actor } from '../identity/actor.ts';
import { authorize } from '../identity/authorize.ts';
import { maySee } from './access.ts';
import type { ApprovalStore } from './ports.ts';

export interface SeenParts {
  readonly approvals: Pick<ApprovalStore, 'get'>;
  /** Where a caller may name a request before it is opened; null where it was told of to them before. */
  readonly executions: Pick<ExecutionStore, 'get'> | null;
  readonly now: () => Date;
  readonly wait: (milliseconds: number) => Promise<void>;
}

/** The request of a just submitted execution is opened by its machine a moment later; whoever was told its id need not know that. */
export async function seenRequest(parts: SeenParts, actor: Actor, approvalId: string): Promise<Approval | null> {
  for (let tries = 0; tries < OPENING_TRIES; tries += 1) {
    const row = await parts.approvals.get(approvalId);
    if (row && maySee(actor, row, parts.now())) return row;
    const execution = await parts.executions?.get(approvalId.replace(/^apr_/, 'exec_'));
    // How long an answer takes must not tell a stranger what is there either.
    if (row || execution?.phase !== 'awaiting_approval' || !mayWaitFor(actor, resourceOf(execution))) return null;
    await parts.wait(OPENING_PAUSE_MS);
  }
  return null;
}

const OPENING_TRIES = 20;
const OPENING_PAUSE_MS = 100;

const mayWaitFor = (actor: Actor, resource: ReturnType<typeof resourceOf>): boolean =>
  authorize(actor, 'read_state', resource) || authorize(actor, 'approve', resource);
