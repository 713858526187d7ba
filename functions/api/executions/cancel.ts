import type { cancelExecution as cancelRoute } from '../../contracts/routes/executions.ts';
import { requestCancel, update } from '../../core/execution/transitions.ts';
import { resourceOf } from '../../core/execution/view.ts';
import { authorize } from '../../core/identity/authorize.ts';
import type { ApiAnswer, ApiRequest } from '../../runtime/api-handler.ts';
import { ApiError } from '../../runtime/errors.ts';
import type { Parts } from './index.ts';
import { seenRow, viewOf } from './read.ts';

/**
 * Writes the wish and answers. The table's stream ends what the execution is doing: withdraws its approval, takes it out of the line, or
 * tells its supervisor. One that already ended keeps its result, which is the answer.
 */
export async function cancelExecution(
  parts: Parts,
  { actor, params, body }: ApiRequest<typeof cancelRoute>,
): Promise<ApiAnswer<typeof cancelRoute>> {
  const seen = await seenRow(parts, actor, params.execution_id);
  if (!authorize(actor, 'execute_code', resourceOf(seen)) && !authorize(actor, 'cancel_any', resourceOf(seen))) {
    throw new ApiError('forbidden', 'Only the one who submitted it, or somebody with the permission cancel_any, may cancel it.');
  }
  const now = parts.clock.now();
  const { row } = await update(parts.executions, params.execution_id, now, (current) =>
    requestCancel(current, actor.user_id, body.reason, now),
  );
  const view = await viewOf(parts, row ?? seen);
  if (view.phase === 'done') return { status: 200, body: view };
  return { status: 202, body: view };
}
