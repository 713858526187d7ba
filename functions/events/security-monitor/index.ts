import { z } from 'zod';
import { cognitoDirectory } from '../../adapters/cognito/directory.ts';
import { dynamoSecurityEvents } from '../../adapters/dynamo/security-events.ts';
import { sendMail } from '../../adapters/ses/mail.ts';
import { identityRecord } from '../../contracts/identity.ts';
import { AUTOMATIC_RESPONSE } from '../../contracts/security-event.ts';
import { watch } from '../../core/security/monitor.ts';
import { subjectName } from '../../core/security/responses.ts';
import { type TellingParts, tellOfResponses } from '../../core/security/tell.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log, unreadableRow } from '../../runtime/log.ts';
import { responseParts } from '../../runtime/responses.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/security-monitor');
const directory = cognitoDirectory(environment.USER_POOL_ID, []);
const parts = {
  ...responseParts({
    tables: { security: environment.SECURITY_TABLE, audit: environment.AUDIT_TABLE, identity: environment.IDENTITY_TABLE },
    socketFunction: environment.SOCKET_FUNCTION,
    directory,
  }),
  events: dynamoSecurityEvents(environment.SECURITY_TABLE, unreadableRow),
  settings: readConfiguration().security.monitoring,
  onFailure: (what: string, error: unknown) => log.error('the watch failed at one thing', error, { what }),
};

const { email } = readConfiguration().notificationChannels;
const telling: TellingParts = {
  identities: parts.identities,
  ownerOfKey: parts.ownerOfKey,
  mail: email && ((to, message) => sendMail(email.from_address, to, message)),
  onUnsent: (userId, error) => log.error('somebody was not told of a response', error, { user_id: userId }),
};

/** Asked for by those who ended the sessions of somebody where nobody reaches the user pool. */
const signOut = z.object({
  sign_out: z.object({ user_id: identityRecord.shape.user_id, pool_username: identityRecord.shape.pool_username }),
});

export async function handler(event: unknown) {
  const asked = signOut.safeParse(event);
  if (asked.success) {
    await directory.signOut(asked.data.sign_out);
    return { signed_out: asked.data.sign_out.user_id };
  }
  const { anomalies, made, failures, isPartial } = await watch(parts, clock.now());
  log.info('watched', { anomalies, responses: made.length, failures });
  if (isPartial) log.warn('there was more than a pass looks at', { anomalies });
  // An alarm counts these lines, so that somebody hears of each.
  for (const { response_id, kind, subject, severity, reason, ends_at } of made)
    log.warn(AUTOMATIC_RESPONSE, { response_id, kind, subject: subjectName(subject), severity, reason, ends_at });
  const unsent = await tellOfResponses(telling, made);
  // At the very end, so that the alarm sees it and the rest is done.
  if (failures + unsent > 0)
    throw new Error(`${failures} of what the watch should have done failed, ${unsent} mails were not sent`);
  return { anomalies, responses: made.map(({ response_id }) => response_id) };
}
