import { clockMachine, taskTokens } from '../../adapters/sfn/machine.ts';
import { approval } from '../../contracts/approval.ts';
import { approvalId } from '../../contracts/ids.ts';
import { nextClock } from '../../core/approval/clocks.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { streamHandler } from '../../runtime/stream-handler.ts';

const environment = environmentOf('events/approval-changed');
const clocks = clockMachine(environment.APPROVAL_CLOCK_STATE_MACHINE_ARN);

/**
 * What follows from a request's change, whatever became of the function that made it: a closed one wakes the machine that waits for it,
 * and each stage that begins has its clocks wound up. Other rows of the table are nobody's waiting.
 */
export const handler = streamHandler('approval changed', async ({ before, after }) => {
  if (!approvalId.safeParse(after?.approval_id).success) return;
  const row = approval.parse(after);
  if (row.status !== 'open') {
    if (row.task_token) await taskTokens.complete(row.task_token);
    return;
  }
  if (before?.stage !== row.stage && nextClock(row)) await clocks.start(row.approval_id, row.stage, 0);
});
