import { z } from 'zod';

/** Every code an API answer may carry, with its HTTP status, a title and whether the same request may work later. */
export const API_ERRORS = {
  malformed_request: { status: 400, title: 'The request could not be read', retryable: false },
  unauthenticated: { status: 401, title: 'Sign in first', retryable: false },
  forbidden: { status: 403, title: 'You may not do this', retryable: false },
  second_factor_wanted: { status: 403, title: 'Sign in with a second factor first', retryable: false },
  not_through_front_door: { status: 403, title: 'Requests are accepted through the front door only', retryable: false },
  not_found: { status: 404, title: 'Not found', retryable: false },
  method_not_allowed: { status: 405, title: 'The resource does not know this method', retryable: false },
  conflict: { status: 409, title: 'The resource is in another state', retryable: false },
  digest_mismatch: { status: 409, title: 'The digest is not the one of this request', retryable: false },
  payload_too_large: { status: 413, title: 'The request is too large', retryable: false },
  unsupported_media_type: { status: 415, title: 'The body must be JSON', retryable: false },
  validation_failed: { status: 422, title: 'The request has invalid fields', retryable: false },
  idempotency_mismatch: { status: 422, title: 'The idempotency key was used for another request', retryable: false },
  policy_blocked: { status: 422, title: 'The policy does not allow this code', retryable: false },
  too_many_requests: { status: 429, title: 'Too many requests', retryable: true },
  internal_error: { status: 500, title: 'Something failed on our side', retryable: true },
  unavailable: { status: 503, title: 'A part we depend on does not answer', retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;
export type ApiErrorCode = keyof typeof API_ERRORS;

export const fieldError = z.object({
  /** Path of the field in the request, as `body.files[0].path` or `query.limit`. */
  field: z.string(),
  expected: z.string(),
  /** What came, shortened and made printable. */
  received: z.string(),
});
export type FieldError = z.infer<typeof fieldError>;

/** RFC 9457 problem details; every refusal of the API has this body. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(API_ERRORS) as [ApiErrorCode, ...ApiErrorCode[]]),
  request_id: z.string(),
  errors: z.array(fieldError).optional(),
  /** Of 429: the limit that was reached. */
  limit: z
    .object({
      name: z.string(),
      requests: z.int(),
      window_seconds: z.int(),
      /** How many may come at once. */
      burst: z.int(),
      retry_after_seconds: z.int(),
    })
    .optional(),
});
export type Problem = z.infer<typeof problem>;

/** Why an execution ended other than well: `error.code` of its result. */
export const executionErrorCode = z.enum([
  'approval_denied',
  'approval_expired',
  'approval_withdrawn',
  'cancelled',
  'program_failed',
  'memory_limit',
  'time_limit',
  'output_limit',
  'disk_limit',
  'process_limit',
  'launch_failed',
  'ticket_refused',
  'ticket_invalid',
  'digest_mismatch',
  'environment_changed',
  'sandbox_lost',
  'sandbox_unavailable',
  'internal_error',
]);
export type ExecutionErrorCode = z.infer<typeof executionErrorCode>;
