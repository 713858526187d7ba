import { randomBytes } from 'node:crypto';
import { dynamoLive } from '../../adapters/dynamo/live.ts';
import { LIVE_TICKET_SECONDS } from '../../contracts/live.ts';
import * as routes from '../../contracts/routes/live.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('api/live');
const store = dynamoLive(environment.EPHEMERA_TABLE);

export const handler = apiHandler(environment, [
  route(routes.createLiveTicket, async ({ actor, body }) => {
    const ticket = randomBytes(32).toString('base64url');
    const expiresAt = new Date(clock.now().getTime() + LIVE_TICKET_SECONDS * 1000);
    await store.putTicket(ticket, { actor, client_id: body.client_id }, expiresAt);
    return ok({ ticket, expires_in_seconds: LIVE_TICKET_SECONDS });
  }),
]);
