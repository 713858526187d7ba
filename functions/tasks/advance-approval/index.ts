import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { taskTokens } from '../../adapters/sfn/machine.ts';
import { type AdvanceApprovalOutput, advanceApprovalInput, advanceApprovalOutput } from '../../contracts/tasks.ts';
import { advanceApproval } from '../../core/approval/advance.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('tasks/advance-approval');
const parts = {
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: environment.AUDIT_TABLE }),
  tokens: taskTokens,
  clock,
};

/** A clock of a request has struck, or is to be wound up: does what is due, and says when to look again. */
export const handler = taskHandler(
  'advance approval',
  advanceApprovalInput,
  async ({ approval_id, stage }): Promise<AdvanceApprovalOutput> =>
    advanceApprovalOutput.parse(await advanceApproval(parts, approval_id, stage)),
);
