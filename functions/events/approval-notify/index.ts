import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { dynamoDeliveries, dynamoPreferences } from '../../adapters/dynamo/notifications.ts';
import { approvalNotice } from '../../contracts/approval-notice.ts';
import { queueNotice } from '../../core/notification/queue.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { everybody } from '../../runtime/everybody.ts';
import { log, unreadableRow } from '../../runtime/log.ts';
import { streamHandler } from '../../runtime/stream-handler.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/approval-notify');
const identities = dynamoIdentities({ identity: environment.IDENTITY_TABLE });
const { notificationChannels, security } = readConfiguration();
const parts = {
  deliveries: dynamoDeliveries(environment.NOTIFICATIONS_TABLE, unreadableRow),
  preferences: dynamoPreferences(environment.NOTIFICATIONS_TABLE),
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE }),
  everybody: () => everybody(identities),
  granted: security.authorization.roles,
  channels: notificationChannels,
};

/** A notice that a change of a request left behind becomes messages to those it concerns. Seeing it twice queues nothing twice. */
export const handler = streamHandler('approval notify', async ({ before, after }) => {
  if (before || !String(after?.approval_id).startsWith('ntc_')) return;
  const notice = approvalNotice.parse(after);
  const queued = await queueNotice(parts, notice, clock.now());
  log.info('messages queued', { approval_id: notice.request_id, event: notice.event, messages: queued.length });
});
