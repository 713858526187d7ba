import { taskTokens } from '../../adapters/sfn/machine.ts';
import { approval } from '../../contracts/approval.ts';
import { streamHandler } from '../../runtime/stream-handler.ts';

/** A closed request wakes the machine that waits for it, whatever became of the function that closed it. */
export const handler = streamHandler('approval changed', async ({ after }) => {
  if (!after) return;
  const row = approval.parse(after);
  if (row.status !== 'open' && row.task_token) await taskTokens.complete(row.task_token);
});
