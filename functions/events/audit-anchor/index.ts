import { dynamoAudit } from '../../adapters/dynamo/audit.ts';
import { s3Locked } from '../../adapters/s3/locked.ts';
import { anchorHours } from '../../core/audit/anchor.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log, unreadableRow } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('events/audit-anchor');
const parts = { audit: dynamoAudit(environment.AUDIT_TABLE, unreadableRow), locked: s3Locked(environment.AUDIT_BUCKET) };

export async function handler() {
  const done = await anchorHours(parts, clock.now());
  log.info('anchored', { hours: done.anchored.length, last: done.anchored.at(-1) });
  return done;
}
