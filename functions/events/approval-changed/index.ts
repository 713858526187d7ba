import { dynamoLive } from '../../adapters/dynamo/live.ts';
import { invokeLater } from '../../adapters/lambda/invoke.ts';
import { clockMachine, taskTokens } from '../../adapters/sfn/machine.ts';
import { type Approval, approval } from '../../contracts/approval.ts';
import { approvalId } from '../../contracts/ids.ts';
import { APPROVALS_TOPIC } from '../../contracts/live.ts';
import { nextClock } from '../../core/approval/clocks.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { streamHandler } from '../../runtime/stream-handler.ts';

const environment = environmentOf('events/approval-changed');
const live = dynamoLive(environment.EPHEMERA_TABLE);
const clocks = clockMachine(environment.APPROVAL_CLOCK_STATE_MACHINE_ARN);

/**
 * What follows from a request's change, whatever became of the function that made it: a closed one wakes the machine that waits for it,
 * each stage that begins has its clocks wound up, and those who follow requests are told. Other rows of the table are nobody's waiting.
 */
export const handler = streamHandler('approval changed', async ({ before, after }) => {
  if (!approvalId.safeParse(after?.approval_id).success) return;
  const row = approval.parse(after);
  if (row.status !== 'open') {
    if (row.task_token) await taskTokens.complete(row.task_token);
  } else if (before?.stage !== row.stage && nextClock(row)) await clocks.start(row.approval_id, row.stage, 0);
  // Last, so that nothing waits for it.
  if (before?.audit_length !== row.audit_length) await tellFollowers(row);
});

/** Mostly there are none. */
async function tellFollowers({ approval_id }: Approval): Promise<void> {
  if ((await live.subscribers(APPROVALS_TOPIC)).length > 0)
    await invokeLater(environment.PUSH_APPROVAL_FUNCTION, { approval_id });
}
