import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoDeliveries, dynamoPreferences } from '../../adapters/dynamo/notifications.ts';
import { DEFAULT_PREFERENCES } from '../../contracts/notification.ts';
import * as routes from '../../contracts/routes/notifications.ts';
import { maySee } from '../../core/approval/access.ts';
import { deliveryViewOf } from '../../core/notification/view.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError } from '../../runtime/errors.ts';
import { unreadableRow } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('api/notifications');
const approvals = dynamoApprovals({ approvals: environment.APPROVALS_TABLE });
const deliveries = dynamoDeliveries(environment.NOTIFICATIONS_TABLE, unreadableRow);
const preferences = dynamoPreferences(environment.NOTIFICATIONS_TABLE);

export const handler = apiHandler(environment, [
  route(routes.getNotificationPreferences, async ({ actor }) =>
    ok((await preferences.get(actor.user_id)) ?? DEFAULT_PREFERENCES),
  ),

  route(routes.putNotificationPreferences, async ({ actor, body }) => {
    // A key could otherwise keep its owner from hearing of what it asks for.
    if (actor.credential.kind === 'api_key') throw new ApiError('forbidden', 'Sign in to change how you are told.');
    await preferences.put(actor.user_id, body);
    return ok(body);
  }),

  route(routes.listNotifications, async ({ actor, params }) => {
    const request = await approvals.get(params.approval_id);
    if (!request || !maySee(actor, request, clock.now())) {
      throw new ApiError('not_found', 'There is no such resource, or it is not yours.');
    }
    return ok({ notifications: (await deliveries.listOf(params.approval_id)).map(deliveryViewOf) });
  }),
]);
