import { z } from 'zod';
import { defineRoute } from '../route.ts';

export const health = defineRoute({
  id: 'health',
  method: 'GET',
  path: '/api/v1/health',
  permission: 'public',
  summary: 'Whether the parts a request needs answer.',
  responses: {
    200: z.object({
      status: z.enum(['ok', 'degraded']),
      checks: z.record(z.string(), z.enum(['ok', 'failing'])),
      sandboxes: z.object({ idle: z.int(), starting: z.int(), size: z.int() }),
    }),
  },
});
