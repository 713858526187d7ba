import { z } from 'zod';
import { auditRecord } from '../audit.ts';
import { timestamp } from '../execution.ts';
import { defineRoute } from '../route.ts';
import { cursor, nextCursor, wholeNumber } from './paging.ts';

export const listAudit = defineRoute({
  id: 'listAudit',
  method: 'GET',
  path: '/api/v1/audit',
  permission: 'read_audit',
  summary:
    'Audit records: of one entity in order, or of all, newest first, within at most 31 days. `format=ndjson` answers one record a line; the header `airlock-next-cursor` says where it goes on.',
  query: z.strictObject({
    entity_id: z.string().min(1).max(128).optional(),
    actor: z.string().min(1).max(128).optional(),
    action: z
      .string()
      .regex(/^[a-z_]{1,64}$/, 'expected the name of an action')
      .optional(),
    from: timestamp.optional(),
    to: timestamp.optional(),
    format: z.enum(['json', 'ndjson']).optional(),
    limit: wholeNumber(1, 1000).optional(),
    cursor: cursor.optional(),
  }),
  responses: { 200: z.object({ records: z.array(auditRecord), next_cursor: nextCursor }) },
});
