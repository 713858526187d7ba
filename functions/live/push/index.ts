import { postToConnection } from '../../adapters/apigateway/post.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoLive } from '../../adapters/dynamo/live.ts';
import { invokeLater } from '../../adapters/lambda/invoke.ts';
import { pushRequest, topicOf } from '../../contracts/live.ts';
import { deliver, frame } from '../../core/live/deliver.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('live/push');
const executions = dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: '' });
const parts = {
  store: dynamoLive(environment.EPHEMERA_TABLE),
  post: postToConnection(environment.LIVE_ENDPOINT),
  catchUp: (executionId: string, connectionId: string) =>
    invokeLater(environment.CATCH_UP_FUNCTION, { execution_id: executionId, connection_id: connectionId }),
  now: clock.now,
};

export const handler = taskHandler('push', pushRequest, async (request) => {
  const topic = topicOf(request.execution_id);
  const all = await parts.store.subscribers(topic);
  const subscribers =
    request.connection_id === undefined ? all : all.filter((one) => one.connection_id === request.connection_id);
  if (request.kind === 'events') {
    // Whoever catches up goes on by itself: each of its batches starting another one would never end.
    const catchUp = request.connection_id === undefined ? parts.catchUp : async () => {};
    await Promise.allSettled(
      subscribers.map((subscriber) => deliver({ ...parts, catchUp }, request.execution_id, subscriber, request.events)),
    );
    return { outcome: 'sent' };
  }
  const row = subscribers.length > 0 ? await executions.get(request.execution_id) : null;
  if (!row) return { outcome: 'nobody' };
  const lastSeq = 'last_seq' in row ? row.last_seq : 0;
  await Promise.all(
    subscribers.map(async ({ connection_id: connection, cursor }) => {
      // The end is told after everything before it; catching up asks for this frame again.
      if (row.phase === 'done' && cursor < lastSeq) return await parts.catchUp(request.execution_id, connection);
      const error = row.phase === 'done' ? (row.outcome.error?.code ?? null) : null;
      const sent = await parts.post(
        connection,
        frame({ type: 'status', topic, status: row.status, phase: row.phase, error, last_seq: lastSeq }),
      );
      if (sent === 'gone') await parts.store.disconnect(connection);
    }),
  );
  return { outcome: 'sent' };
});
