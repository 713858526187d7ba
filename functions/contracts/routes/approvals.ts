import { z } from 'zod';
import { approvalStatus, approvalSummary, approvalView, decisionRequest } from '../approval.ts';
import { approvalId } from '../ids.ts';
import { defineRoute } from '../route.ts';
import { cursor, nextCursor, wholeNumber } from './paging.ts';

export const listApprovals = defineRoute({
  id: 'listApprovals',
  method: 'GET',
  path: '/api/v1/approvals',
  permission: 'approve',
  summary: 'Approval requests, newest first; the open ones unless asked otherwise.',
  query: z.strictObject({ status: approvalStatus.optional(), limit: wholeNumber(1, 100).optional(), cursor: cursor.optional() }),
  responses: { 200: z.object({ approvals: z.array(approvalSummary), next_cursor: nextCursor }) },
});

const approvalParams = z.strictObject({ approval_id: approvalId });

export const getApproval = defineRoute({
  id: 'getApproval',
  method: 'GET',
  path: '/api/v1/approvals/{approval_id}',
  permission: 'approve',
  summary: 'Everything an approver must see before deciding, with the digest to send back.',
  params: approvalParams,
  responses: { 200: approvalView },
});

export const decideApproval = defineRoute({
  id: 'decideApproval',
  method: 'POST',
  path: '/api/v1/approvals/{approval_id}/decision',
  permission: 'approve',
  summary: 'Approve or deny exactly the code with this digest.',
  params: approvalParams,
  body: decisionRequest,
  responses: { 200: approvalView },
});
