import type { APIGatewayProxyResultV2 } from 'aws-lambda';
import { closeConnection, postToConnection } from '../../adapters/apigateway/post.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { dynamoLive } from '../../adapters/dynamo/live.ts';
import { invokeLater } from '../../adapters/lambda/invoke.ts';
import { APPROVALS_TOPIC, type ClientMessage, clientMessage } from '../../contracts/live.ts';
import { visibleRow } from '../../core/execution/view.ts';
import type { Actor } from '../../core/identity/actor.ts';
import { mayFollowApprovals } from '../../core/live/approvals.ts';
import { frame } from '../../core/live/deliver.ts';
import { lookAgainAt } from '../../core/live/look-again.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { isThroughFrontDoor } from '../../runtime/front-door.ts';
import { liveHolders } from '../../runtime/live-holder.ts';
import { log } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('live/socket');
const store = dynamoLive(environment.EPHEMERA_TABLE);
const post = postToConnection(environment.LIVE_ENDPOINT);
const executions = dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: '' });
const close = closeConnection(environment.LIVE_ENDPOINT);
const holderOf = liveHolders(
  { identity: environment.IDENTITY_TABLE, ephemera: environment.EPHEMERA_TABLE, security: environment.SECURITY_TABLE },
  readConfiguration().security,
);

/** Sent by those who took rights away. */
interface LookAgain {
  readonly look_again_at: string;
}

interface SocketEvent {
  readonly requestContext: { readonly connectionId: string; readonly routeKey: string };
  readonly headers?: Record<string, string | undefined>;
  readonly queryStringParameters?: Record<string, string | undefined> | null;
  readonly body?: string | null;
}

export async function handler(event: SocketEvent | LookAgain): Promise<APIGatewayProxyResultV2> {
  if ('look_again_at' in event) return await lookAgain(event.look_again_at);
  const { connectionId, routeKey } = event.requestContext;
  try {
    if (routeKey === '$connect') return { statusCode: await connect(event) };
    if (routeKey === '$disconnect') {
      await store.disconnect(connectionId);
      return { statusCode: 200 };
    }
    // A reply is posted like any other frame: what a route returns is not sent to the client.
    const reply = await answer(connectionId, event.body ?? '');
    if (reply !== null) await post(connectionId, reply);
    return { statusCode: 200 };
  } catch (error) {
    log.error('socket failed', error, { connection_id: connectionId });
    return { statusCode: 500 };
  } finally {
    log.info('socket', { connection_id: connectionId, route: routeKey });
  }
}

async function connect(event: SocketEvent): Promise<number> {
  // WebSocket APIs pass header names on as they came.
  const headers = Object.fromEntries(Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  if (!isThroughFrontDoor(headers, environment.FRONT_DOOR_SECRET)) return 403;
  const { ticket, client_id: clientId } = event.queryStringParameters ?? {};
  const actor = ticket && clientId ? await store.takeTicket(ticket, clientId, clock.now()) : null;
  if (!actor) return 401;
  await store.connect(event.requestContext.connectionId, actor, clock.now());
  return 200;
}

/** Closes what nothing is left of, and ends what may no longer be followed; an event that comes twice does no harm. */
async function lookAgain(userId: string): Promise<APIGatewayProxyResultV2> {
  const { closed, ended } = await lookAgainAt(
    {
      ...{ store, close, post, holderOf, mayFollow },
      onFailure: (connectionId, error) =>
        log.error('a connection was not looked at', error, { connection_id: connectionId, user_id: userId }),
    },
    userId,
  );
  for (const connectionId of closed) log.info('connection closed', { connection_id: connectionId, user_id: userId });
  if (ended > 0) log.info('subscriptions ended', { user_id: userId, count: ended });
  return { statusCode: 200 };
}

const mayFollow = async (actor: Actor, topic: string): Promise<boolean> =>
  topic === APPROVALS_TOPIC ? mayFollowApprovals(actor) : (await visibleRow(executions, actor, executionIn(topic))) !== null;

const executionIn = (topic: string): string => topic.slice('execution:'.length);

const refusal = (code: string, detail: string): string => frame({ type: 'error', code, detail });

/** The reply, or null when it is sent already: a subscription to a run is confirmed before its first event. */
async function answer(connectionId: string, text: string): Promise<string | null> {
  const message = read(text);
  if (!message)
    return refusal(
      'validation_failed',
      'Expected {"action":"subscribe"|"unsubscribe","topic":"execution:<id>"|"approvals","after":0} or {"action":"ping"}.',
    );
  if (message.action === 'ping') return frame({ type: 'pong' });
  if (message.action === 'unsubscribe') {
    await store.unsubscribe(message.topic, connectionId);
    return frame({ type: 'unsubscribed', topic: message.topic });
  }
  const { topic } = message;
  const actor = await holderOf(connectionId);
  if (!actor || !(await mayFollow(actor, topic))) return refusal('not_found', 'There is no such topic, or it is not yours.');
  if (topic === APPROVALS_TOPIC) {
    // Confirmed once it holds: who lists the requests then misses nothing that happens to them.
    await store.subscribe(topic, connectionId, 0, clock.now());
    return frame({ type: 'subscribed', topic, after: 0 });
  }
  await post(connectionId, frame({ type: 'subscribed', topic, after: message.after }));
  await store.subscribe(topic, connectionId, message.after, clock.now());
  await invokeLater(environment.CATCH_UP_FUNCTION, { execution_id: executionIn(topic), connection_id: connectionId });
  return null;
}

function read(text: string): ClientMessage | null {
  try {
    return clientMessage.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
