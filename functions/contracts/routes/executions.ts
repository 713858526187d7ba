import { z } from 'zod';
import { executeRequest, executionPhase, executionResult, executionStatus, executionSummary, timestamp } from '../execution.ts';
import { executionId } from '../ids.ts';
import { language } from '../manifest.ts';
import { defineRoute } from '../route.ts';
import { runEvent } from '../sandbox-protocol.ts';
import { cursor, nextCursor, wholeNumber } from './paging.ts';

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
  permission: 'read_state',
  summary: 'End an execution in any phase. One that already ended keeps its result.',
  params: executionParams,
  body: z.strictObject({ reason: z.string().min(1).max(500) }),
  responses: { 200: executionResult, 202: executionResult },
});
