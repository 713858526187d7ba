/**
 * What the dispatcher and the supervisor say to each other over HTTP inside the sandbox network.
 *
 *   GET  /healthz                       -> health                              no credential; says nothing secret
 *   PUT  /files/{sha256}                -> 201, or a refusal                   Authorization: Bearer <ticket>; before POST /runs
 *   POST /runs                          -> 200 application/x-ndjson of runEvent, one a line, until `exit`; or a refusal
 *   GET  /runs/current/events?after=N   -> the same stream from seq N+1        Authorization: Bearer <ticket>
 *   POST /runs/current/cancel           -> 200 cancelAnswer once no process of the run is left    Authorization: Bearer <ticket>
 *   GET  /files/{file_id}               -> the artifact's bytes, after `exit`  Authorization: Bearer <ticket>
 *
 * Closing a connection never stops a run. A ticket's expiry counts until POST /runs accepted it; after that the very same ticket
 * is the credential of that run until the task dies.
 */
import { z } from 'zod';
import { language, sha256Hex } from './manifest.ts';

export const SUPERVISOR_PORT = 8090;

export const health = z.object({
  /** `idle` = prestarted and ready for its one job. */
  status: z.enum(['starting', 'idle', 'running', 'done']),
  sandbox_id: z.string(),
  image_id: z.string(),
  prestarted: z.array(language),
});
export type Health = z.infer<typeof health>;

export const runRequest = z.strictObject({ ticket: z.string(), manifest_base64: z.base64() });

export const refusalCode = z.enum([
  'ticket_invalid',
  'digest_mismatch',
  'sandbox_used',
  'manifest_invalid',
  'environment_changed',
  'files_missing',
  'file_invalid',
  'not_found',
  'bad_request',
]);
/** Body of every 4xx answer of the supervisor. */
export const refusal = z.object({ code: refusalCode, detail: z.string() });
export type Refusal = z.infer<typeof refusal>;

/** Output kept per stream; then drained and counted up to OUTPUT_DRAIN_BYTES in all; then the run ends with `output_limit`. */
export const OUTPUT_KEPT_BYTES_PER_STREAM = 10 * 1024 * 1024;
export const OUTPUT_DRAIN_BYTES = 64 * 1024 * 1024;
/** The most text one stdout or stderr event carries, so that one event always fits a 32 KB frame after JSON escaping of plain text. */
export const OUTPUT_EVENT_MAX_BYTES = 8 * 1024;
export const USAGE_INTERVAL_MS = 50;

const seqAndTime = { seq: z.int().positive(), at: z.iso.datetime() };

export const usageSample = z.object({
  /** CPU time used by every process of the run so far, reaped children included. */
  cpu_ms: z.number().nonnegative(),
  memory_bytes: z.int().nonnegative(),
  disk_bytes: z.int().nonnegative(),
  processes: z.int().nonnegative(),
});
export type UsageSample = z.infer<typeof usageSample>;

export const exitReason = z.enum([
  'exited',
  'cancelled',
  'time_limit',
  'memory_limit',
  'output_limit',
  'disk_limit',
  'process_limit',
  'launch_failed',
]);
export type ExitReason = z.infer<typeof exitReason>;

const streamTotals = z.object({ bytes: z.int().nonnegative(), truncated: z.boolean() });

export const runEvent = z.discriminatedUnion('type', [
  z.object({ ...seqAndTime, type: z.literal('started'), language, prestarted: z.boolean(), image_id: z.string() }),
  /** `text` is decoded UTF-8 with U+FFFD for what is not; a character is never cut in two. */
  z.object({ ...seqAndTime, type: z.literal('stdout'), text: z.string() }),
  z.object({ ...seqAndTime, type: z.literal('stderr'), text: z.string() }),
  z.object({ ...seqAndTime, type: z.literal('usage'), ...usageSample.shape }),
  /** One regular file the program left in `output/`; `name` is untrusted text, `file_id` the only way to ask for it. */
  z.object({
    ...seqAndTime,
    type: z.literal('file'),
    file_id: z.string(),
    name: z.string(),
    size_bytes: z.int().nonnegative(),
    sha256: sha256Hex,
  }),
  z.object({
    ...seqAndTime,
    type: z.literal('exit'),
    reason: exitReason,
    exit_code: z.int().nullable(),
    signal: z.string().nullable(),
    duration_ms: z.number().nonnegative(),
    /** Peak of each figure, and the total of `cpu_ms`. */
    usage: usageSample,
    stdout: streamTotals,
    stderr: streamTotals,
    /** Files in `output/` that were not collected, and why (symlink, device, second link, too large, too many). */
    files_skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
    detail: z.string().optional(),
  }),
]);
export type RunEvent = z.infer<typeof runEvent>;
export type RunEventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

export const cancelRequest = z.strictObject({ reason: z.string().max(500) });
/** `was_running` false: the run had already ended by itself and its result stands. */
export const cancelAnswer = z.object({ was_running: z.boolean() });

/** Environment variables the keeper sets on the task. */
export const supervisorEnvironment = z.object({
  AIRLOCK_SANDBOX_ID: z.string().min(1),
  /** JSON Web Key Set with the gate's public keys. */
  AIRLOCK_TICKET_JWKS: z.string().min(1),
  /** JSON of `resourceLimits`: what prestarted interpreters are started under (the environment's limits). */
  AIRLOCK_LIMITS: z.string().min(1),
});
