import { z } from 'zod';
import { timestamp } from '../execution.ts';
import { userId } from '../identity.ts';
import { defineRoute } from '../route.ts';
import {
  addressOrNetwork,
  respondRequest,
  responseId,
  securityEvent,
  securityEventType,
  securityResponseView,
  severity,
} from '../security-event.ts';
import { cursor, nextCursor, wholeNumber } from './paging.ts';

export const listSecurityEvents = defineRoute({
  id: 'listSecurityEvents',
  method: 'GET',
  path: '/api/v1/security/events',
  permission: 'read_security',
  summary: 'What was noticed, newest first, of the last day unless asked otherwise, of at most 31 days.',
  query: z.strictObject({
    event_type: securityEventType.optional(),
    severity: severity.optional(),
    user_id: userId.optional(),
    /** Any address of a network finds what came from all of it. */
    source_ip: addressOrNetwork.or(z.literal('unknown')).optional(),
    from: timestamp.optional(),
    to: timestamp.optional(),
    limit: wholeNumber(1, 200).optional(),
    cursor: cursor.optional(),
  }),
  responses: { 200: z.object({ events: z.array(securityEvent), next_cursor: nextCursor }) },
});

export const listSecurityResponses = defineRoute({
  id: 'listSecurityResponses',
  method: 'GET',
  path: '/api/v1/security/responses',
  permission: 'read_security',
  summary: 'What was done about threats, newest first.',
  query: z.strictObject({ limit: wholeNumber(1, 200).optional(), cursor: cursor.optional() }),
  responses: { 200: z.object({ responses: z.array(securityResponseView), next_cursor: nextCursor }) },
});

export const respondToThreat = defineRoute({
  id: 'respondToThreat',
  method: 'POST',
  path: '/api/v1/security/responses',
  permission: 'manage_security',
  summary: 'Slow somebody down, end their sessions, suspend a key, or block an address, for a time.',
  body: respondRequest,
  responses: { 201: securityResponseView },
});

export const reverseResponse = defineRoute({
  id: 'reverseResponse',
  method: 'POST',
  path: '/api/v1/security/responses/{response_id}/reverse',
  permission: 'manage_security',
  summary: 'Take a response back before it ends. Sessions that ended stay ended.',
  params: z.strictObject({ response_id: responseId }),
  body: z.strictObject({ reason: z.string().min(1).max(500) }),
  responses: { 200: securityResponseView },
});
