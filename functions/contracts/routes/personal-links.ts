import { z } from 'zod';
import { approvalId } from '../ids.ts';
import { defineRoute } from '../route.ts';

/** Content goes out as it is rendered. */
const rendered = z.null();
const params = z.strictObject({ approval_id: approvalId });

export const showLink = defineRoute({
  id: 'showLink',
  method: 'GET',
  path: '/approvals/{approval_id}/link',
  permission: 'public',
  summary:
    'Where personal links of messages lead: a summary, and the question who is there. It decides nothing and signs nobody in.',
  page: true,
  params,
  query: z.strictObject({ token: z.string().max(128).optional() }),
  responses: { 200: rendered, 303: rendered },
});

export const followLink = defineRoute({
  id: 'followLink',
  method: 'POST',
  path: '/approvals/{approval_id}/link',
  permission: 'public',
  summary: 'Goes on as the person whom the link was sent to: to this one request, or to where one signs in.',
  page: true,
  params,
  body: z.strictObject({ nonce: z.string().max(256) }),
  responses: { 303: rendered },
});
