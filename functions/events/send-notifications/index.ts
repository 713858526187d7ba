import { randomBytes } from 'node:crypto';
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { dynamoDeliveries } from '../../adapters/dynamo/notifications.ts';
import { dynamoPersonalLinks } from '../../adapters/dynamo/personal-links.ts';
import { secretsManagerSecrets } from '../../adapters/secretsmanager/secrets.ts';
import { sesSender } from '../../adapters/ses/sender.ts';
import { slackSender } from '../../adapters/slack/sender.ts';
import { snsSender } from '../../adapters/sns/sender.ts';
import { webhookSender } from '../../adapters/webhook/sender.ts';
import { MESSAGE_DEAD } from '../../contracts/notification.ts';
import { deliver } from '../../core/notification/deliver.ts';
import { sendEach } from '../../core/notification/pass.ts';
import type { ChannelSenders } from '../../core/notification/ports.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log, unreadableRow } from '../../runtime/log.ts';
import { streamHandler } from '../../runtime/stream-handler.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/send-notifications');
const { email, slack, sms, webhook } = readConfiguration().notificationChannels;
const secret = secretsManagerSecrets(environment.CHANNELS_SECRET, clock.now);
const senders: ChannelSenders = {
  ...(email ? { email: sesSender(email) } : {}),
  ...(slack ? { slack: slackSender({ slack, secret, apiUrl: environment.SLACK_API_URL }) } : {}),
  ...(sms ? { sms: snsSender(sms) } : {}),
  ...(webhook ? { webhook: webhookSender({ webhook, secret }) } : {}),
};
const deliveries = dynamoDeliveries(environment.NOTIFICATIONS_TABLE, unreadableRow);
const parts = {
  deliveries,
  approvals: dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: '' }),
  identities: dynamoIdentities({ identity: environment.IDENTITY_TABLE }),
  senders,
  publicUrl: environment.PUBLIC_URL ?? null,
  personalLinks: {
    links: dynamoPersonalLinks(environment.EPHEMERA_TABLE),
    random: () => randomBytes(32).toString('base64url'),
    hours: email?.personal_link_hours ?? 0,
  },
  clock,
};

const MESSAGES_A_PASS = 100;
const AT_A_TIME = 20;
/** Of the function's 75 s. One message takes at most two calls of 10 s, or one of 20, and what is written about it. */
const BEGIN_WITHIN_MS = 40_000;

/** Called by the outbox's stream, for what was queued just now, and by the clock, for what waited: quiet hours, another try, a sender that died. */
export async function handler(event: DynamoDBStreamEvent | Record<string, unknown>): Promise<DynamoDBBatchResponse | undefined> {
  const ids: string[] = [];
  let answer: DynamoDBBatchResponse | undefined;
  if ('Records' in event) {
    answer = await streamHandler('messages queued', async ({ after }) => {
      if (after?.status === 'queued' && typeof after.delivery_id === 'string') ids.push(after.delivery_id);
    })(event as DynamoDBStreamEvent);
  } else {
    ids.push(...(await deliveries.listDue(clock.now(), MESSAGES_A_PASS)).map((row) => row.delivery_id));
  }
  const { faults, left } = await sendEach(ids, send, {
    ...{ clock, atATime: AT_A_TIME, beginWithinMs: BEGIN_WITHIN_MS },
    report: (delivery_id, fault) => log.error('a message was not handled', fault, { delivery_id }),
  });
  if (left > 0) log.warn('messages wait for the next pass', { count: left });
  // A fault of ours is the function's: its alarm tells, and the clock comes by again.
  if (faults > 0) throw new Error(`${faults} messages could not be handled`);
  return answer;
}

/** What became of a message is in its row. */
async function send(deliveryId: string): Promise<void> {
  const { outcome, next } = await deliver(parts, deliveryId);
  if (outcome === 'nothing') return;
  const told = { delivery_id: deliveryId, outcome, next: next?.delivery_id };
  if (outcome === 'dead') log.warn(MESSAGE_DEAD, told);
  else log.info('message handled', told);
}
