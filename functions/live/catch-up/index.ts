import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoLive, SEND_MS } from '../../adapters/dynamo/live.ts';
import { invokeNow } from '../../adapters/lambda/invoke.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { valkeyLiveLog } from '../../adapters/valkey/live-log.ts';
import { catchUpRequest, topicOf } from '../../contracts/live.ts';
import { readLog } from '../../core/execution/log.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { wait } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('live/catch-up');
const executions = dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: '' });
const store = dynamoLive(environment.EPHEMERA_TABLE);
const parts = { live: valkeyLiveLog(environment.VALKEY_URL), objects: s3Objects(environment.DATA_BUCKET) };

const EVENTS_AT_ONCE = 100;
/**
 * When the cursor does not move, another sender is at work, which sees the note that it has more to do; or it died at work, and its
 * right to send runs out. So this waits a little longer than that right lasts.
 */
const PAUSE_MS = 200;
const PATIENCE = Math.ceil((SEND_MS + 2000) / PAUSE_MS);

/** Sends a subscriber what the log holds after its cursor, then how the execution stands. */
export const handler = taskHandler('catch up', catchUpRequest, async ({ execution_id, connection_id }) => {
  const push = (request: object) => invokeNow(environment.PUSH_FUNCTION, { execution_id, connection_id, ...request });
  for (let idle = 0; idle < PATIENCE; ) {
    const [subscription, row] = await Promise.all([
      store.subscription(topicOf(execution_id), connection_id),
      executions.get(execution_id),
    ]);
    if (!subscription || !row) return { outcome: 'nobody' };
    const events = await readLog(parts, row, { after: subscription.cursor, limit: EVENTS_AT_ONCE });
    if (events.length === 0) {
      await push({ kind: 'status' });
      return { outcome: 'caught_up' };
    }
    await push({ kind: 'events', events });
    const after = await store.subscription(topicOf(execution_id), connection_id);
    if (after && after.cursor > subscription.cursor) idle = 0;
    else {
      idle += 1;
      await wait(PAUSE_MS);
    }
  }
  return { outcome: 'another_sender' };
});
