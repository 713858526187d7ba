import { dynamoAudit } from '../../adapters/dynamo/audit.ts';
import type { AuditRecord } from '../../contracts/audit.ts';
import type { FieldError } from '../../contracts/errors.ts';
import * as routes from '../../contracts/routes/audit.ts';
import { canonicalJson } from '../../core/text/json.ts';
import { type ApiRequest, apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError, refuseCursor } from '../../runtime/errors.ts';
import { unreadableRow } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('api/audit');
const audit = dynamoAudit(environment.AUDIT_TABLE, unreadableRow);

const PAGE_SIZE = 100;
const DAY_MS = 24 * 3600_000;
const MOST_DAYS = 31;
/** Of one entity; nobody has near as many. */
const MOST_OF_ENTITY = 5000;

export const handler = apiHandler(environment, [
  route(routes.listAudit, async ({ query }) => {
    const page =
      query.entity_id === undefined ? await ofAll(query) : { items: await ofEntity(query, query.entity_id), cursor: null };
    const body = { records: [...page.items], next_cursor: page.cursor };
    if (query.format !== 'ndjson') return ok(body);
    const lines = page.items.map((record) => `${canonicalJson(record)}\n`).join('');
    const headers: Record<string, string> = page.cursor === null ? {} : { 'airlock-next-cursor': page.cursor };
    return { ...ok(body), headers, raw: { type: 'application/x-ndjson', text: lines } };
  }),
]);

type Query = ApiRequest<typeof routes.listAudit>['query'];

async function ofEntity({ actor, action, from, to, limit, cursor }: Query, entityId: string): Promise<AuditRecord[]> {
  if (cursor !== undefined) {
    const errors = [{ field: 'query.cursor', expected: 'none with entity_id: its records come in one answer', received: 'one' }];
    throw new ApiError('validation_failed', 'The records of one entity have no pages.', { errors });
  }
  const isWanted = (record: AuditRecord): boolean =>
    (actor === undefined || record.actor === actor) &&
    (action === undefined || record.action === action) &&
    (from === undefined || Date.parse(record.at) >= Date.parse(from)) &&
    (to === undefined || Date.parse(record.at) <= Date.parse(to));
  const records: AuditRecord[] = [];
  for await (const record of audit.ofEntity(entityId)) {
    if (isWanted(record)) records.push(record);
    if (records.length >= (limit ?? MOST_OF_ENTITY)) break;
  }
  return records;
}

async function ofAll({ actor, action, from, to, limit, cursor }: Query) {
  // The end is fixed by the first page's cursor: what is written meanwhile would shift nothing before it.
  const end = to ?? clock.now().toISOString();
  const begin = from ?? new Date(Date.parse(end) - DAY_MS).toISOString();
  if (Date.parse(end) < Date.parse(begin) || Date.parse(end) - Date.parse(begin) > MOST_DAYS * DAY_MS) {
    const errors: FieldError[] = [
      { field: 'query.from', expected: `a time at most ${MOST_DAYS} days before \`to\``, received: begin },
    ];
    throw new ApiError('validation_failed', 'The time asked for is too long, or runs backwards.', { errors });
  }
  return await audit.list({ actor, action, from: begin, to: end }, limit ?? PAGE_SIZE, cursor ?? null).catch(refuseCursor);
}
