import { z } from 'zod';
import { defineRoute } from '../route.ts';

export const createLiveTicket = defineRoute({
  id: 'createLiveTicket',
  method: 'POST',
  path: '/api/v1/ws/tickets',
  permission: 'read_state',
  summary: 'A one-use ticket, valid for 30 seconds, to open /api/v1/ws/{client_id}?ticket=….',
  body: z.strictObject({ client_id: z.string().regex(/^[A-Za-z0-9_-]{8,64}$/, 'expected 8 to 64 of letters, digits, _ and -') }),
  responses: { 200: z.object({ ticket: z.string(), expires_in_seconds: z.int() }) },
});
