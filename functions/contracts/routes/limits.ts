import { z } from 'zod';
import { keyId } from '../api-key.ts';
import { timestamp } from '../execution.ts';
import { userId } from '../identity.ts';
import { defineRoute } from '../route.ts';
import { addressOrNetwork } from '../security-event.ts';

const subject = z
  .strictObject({
    user_id: userId.optional(),
    key_id: keyId.optional(),
    address: addressOrNetwork.optional(),
  })
  .refine((one) => Object.values(one).filter((value) => value !== undefined).length === 1, {
    error: 'expected exactly one of user_id, key_id, address',
  });

const rateLimit = z.object({
  name: z.string(),
  /** Of `per_endpoint`: which. */
  endpoint: z.string().optional(),
  limit: z.int(),
  window_seconds: z.int(),
  burst: z.int(),
  /** Of the burst. */
  current_usage: z.int(),
  remaining: z.int(),
  /** When nothing of what came counts any more. */
  reset_time: timestamp,
});

const rateLimitStatus = z.object({
  subject: z.object({ kind: z.enum(['user_id', 'key_id', 'address']), id: z.string() }),
  limits: z.array(rateLimit),
});
export type RateLimitStatus = z.infer<typeof rateLimitStatus>;

export const getRateLimits = defineRoute({
  id: 'getRateLimits',
  method: 'GET',
  path: '/api/v1/security/rate-limits',
  permission: 'manage_limits',
  summary: 'How much of the limits of one user, key or address is used.',
  query: subject,
  responses: { 200: rateLimitStatus },
});

export const resetRateLimits = defineRoute({
  id: 'resetRateLimits',
  method: 'POST',
  path: '/api/v1/security/rate-limits/reset',
  permission: 'manage_limits',
  summary: 'Let one user, key or address begin anew.',
  body: subject,
  responses: { 200: rateLimitStatus },
});
