import { z } from 'zod';
import { approvalStatus, approvalSummary, approvalView, decisionRequest } from './approval.ts';
import { executeRequest, executionPhase, executionResult, executionStatus, executionSummary, timestamp } from './execution.ts';
import { uploadAnswer, uploadRequest } from './file.ts';
import { approvalId, executionId } from './ids.ts';
import { language } from './manifest.ts';
import { defineRoute } from './route.ts';
import { runEvent } from './sandbox-protocol.ts';

/** Query values arrive as text; these say so and turn them into numbers. */
const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `expected a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
const cursor = z
  .string()
  .max(2000)
  .regex(/^[A-Za-z0-9_-]+$/, 'expected a cursor of an earlier answer');
const nextCursor = z.string().nullable();

export const LONG_POLL_MAX_SECONDS = 20;

export const execute = defineRoute({
  id: 'execute',
  method: 'POST',
  path: '/api/v1/execute',
  permission: 'execute_code',
  summary: 'Submit code. Answers 202 with the handle, or 200 with the result when `Prefer: wait=<seconds>` was enough.',
  body: executeRequest,
  bodyMaxBytes: 6 * 1024 * 1024,
  responses: { 200: executionResult, 202: executionResult },
});

export const listExecutions = defineRoute({
  id: 'listExecutions',
  method: 'GET',
  path: '/api/v1/executions',
  permission: 'read_state',
  summary: 'Executions you may see, newest first.',
  query: z.strictObject({
    status: executionStatus.optional(),
    language: language.optional(),
    requester: z.string().max(128).optional(),
    label: z.string().max(100).optional(),
    created_after: timestamp.optional(),
    created_before: timestamp.optional(),
    limit: wholeNumber(1, 100).optional(),
    cursor: cursor.optional(),
  }),
  responses: { 200: z.object({ executions: z.array(executionSummary), next_cursor: nextCursor }) },
});

const executionParams = z.strictObject({ execution_id: executionId });

export const getExecution = defineRoute({
  id: 'getExecution',
  method: 'GET',
  path: '/api/v1/executions/{execution_id}',
  permission: 'read_state',
  summary: 'One execution with its result and audit trail.',
  params: executionParams,
  responses: { 200: executionResult },
});

export const getEvents = defineRoute({
  id: 'getEvents',
  method: 'GET',
  path: '/api/v1/executions/{execution_id}/events',
  permission: 'read_state',
  summary: 'Events after a sequence number; waits up to `wait` seconds for the first one or for the end.',
  params: executionParams,
  query: z.strictObject({
    after: wholeNumber(0, 999_999_999).optional(),
    wait: wholeNumber(0, LONG_POLL_MAX_SECONDS).optional(),
    limit: wholeNumber(1, 1000).optional(),
  }),
  responses: {
    200: z.object({
      events: z.array(runEvent),
      /** Ask again with `after` set to this. */
      last_seq: z.int().nonnegative(),
      status: executionStatus,
      phase: executionPhase,
      /** True once the execution is done and every event has been given. */
      complete: z.boolean(),
    }),
  },
});

export const getFile = defineRoute({
  id: 'getFile',
  method: 'GET',
  path: '/api/v1/executions/{execution_id}/files/{file_id}',
  permission: 'read_state',
  summary: 'Redirects to a short-lived link of one file the program left in `output/`; the body says what it is.',
  params: z.strictObject({ execution_id: executionId, file_id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) }),
  responses: {
    302: z.object({
      url: z.url(),
      expires_in_seconds: z.int(),
      name: z.string(),
      size_bytes: z.int(),
      sha256: z.string(),
      content_type: z.string(),
    }),
  },
});

export const cancelExecution = defineRoute({
  id: 'cancelExecution',
  method: 'POST',
  path: '/api/v1/executions/{execution_id}/cancel',
  permission: 'execute_code',
  summary: 'End an execution in any phase. One that already ended keeps its result.',
  params: executionParams,
  body: z.strictObject({ reason: z.string().min(1).max(500) }),
  responses: { 200: executionResult, 202: executionResult },
});

export const createUpload = defineRoute({
  id: 'createUpload',
  method: 'POST',
  path: '/api/v1/files',
  permission: 'execute_code',
  summary:
    'Announce a file of up to 100 MB. Answers with where to PUT its bytes; its id can then be named in `files` of a submission.',
  body: uploadRequest,
  responses: { 201: uploadAnswer },
});

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

const tokens = z.object({
  access_token: z.string(),
  refresh_token: z.string().optional(),
  token_type: z.literal('Bearer'),
  expires_in_seconds: z.int(),
});

export const login = defineRoute({
  id: 'login',
  method: 'POST',
  path: '/api/v1/auth/login',
  permission: 'public',
  summary: 'Sign in with e-mail and password.',
  body: z.strictObject({ email: z.string().min(3).max(254), password: z.string().min(1).max(256) }),
  responses: { 200: tokens },
});

export const refresh = defineRoute({
  id: 'refresh',
  method: 'POST',
  path: '/api/v1/auth/refresh',
  permission: 'public',
  summary: 'A new access token for a refresh token.',
  body: z.strictObject({ refresh_token: z.string().min(1).max(8192) }),
  responses: { 200: tokens },
});

export const createLiveTicket = defineRoute({
  id: 'createLiveTicket',
  method: 'POST',
  path: '/api/v1/ws/tickets',
  permission: 'read_state',
  summary: 'A one-use ticket, valid for 30 seconds, to open /api/v1/ws/{client_id}?ticket=….',
  body: z.strictObject({ client_id: z.string().regex(/^[A-Za-z0-9_-]{8,64}$/, 'expected 8 to 64 of letters, digits, _ and -') }),
  responses: { 200: z.object({ ticket: z.string(), expires_in_seconds: z.int() }) },
});

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

/** One function per resource: the table that infra, the router and the tests read. */
export const ROUTES_OF_FUNCTION = {
  executions: [execute, listExecutions, getExecution, getEvents, getFile, cancelExecution],
  files: [createUpload],
  approvals: [listApprovals, getApproval, decideApproval],
  auth: [login, refresh],
  live: [createLiveTicket],
  health: [health],
} as const;
export type ApiFunction = keyof typeof ROUTES_OF_FUNCTION;
