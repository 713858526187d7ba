import { z } from 'zod';
import { executionErrorCode } from './errors.ts';
import { approvalId, executionId, fileId, sandboxId } from './ids.ts';
import { language, resourceLimits, sha256Hex, workspacePath } from './manifest.ts';
import { usageSample } from './sandbox-protocol.ts';

export const timestamp = z.iso.datetime();

/** The seed's five words. */
export const executionStatus = z.enum(['pending', 'running', 'completed', 'failed', 'cancelled']);
export type ExecutionStatus = z.infer<typeof executionStatus>;

export const executionPhase = z.enum(['awaiting_approval', 'queued', 'starting', 'running', 'collecting', 'done']);
export type ExecutionPhase = z.infer<typeof executionPhase>;

// ── What a caller sends ────────────────────────────────────────────────────────────────────────────────────────────────────────

export const CODE_MAX_BYTES = 256 * 1024;
export const INPUT_DATA_MAX_BYTES = 1024 * 1024;
/** What the one who asks says about it; approvers read it. */
const CONTEXT_MAX_BYTES = 16 * 1024;
export const INLINE_FILES_MAX_BYTES = 3 * 1024 * 1024;
const ENV_MAX = 64;
const ARGS_MAX = 64;

/** Names that would change how an interpreter or the loader starts. */
const RESERVED_ENV = /^(LD_|NODE_|PYTHON|BASH_ENV$|ENV$|PATH$|IFS$|SHELLOPTS$|BASHOPTS$|GLIBC_|MALLOC_)/;

const withinBytes = (maxBytes: number) => (text: string) => Buffer.byteLength(text, 'utf8') <= maxBytes;

const environmentVariables = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected a name of letters, digits and _, not starting with a digit')
      .refine(
        (name) => !RESERVED_ENV.test(name),
        'expected a name that does not steer an interpreter (LD_*, NODE_*, PYTHON*, BASH_ENV, PATH, …)',
      ),
    z
      .string()
      .max(4096)
      .refine((value) => !value.includes('\0'), 'expected text without NUL'),
  )
  .refine((env) => Object.keys(env).length <= ENV_MAX, `expected at most ${ENV_MAX} variables`);

/** Its content, or the id of what was uploaded before, which lies under the name it was announced with unless a path is given. */
const inputFile = z
  .strictObject({
    path: workspacePath.optional(),
    content: z.string().optional(),
    encoding: z.enum(['utf8', 'base64']).optional(),
    file_id: fileId.optional(),
  })
  .refine((file) => file.path !== undefined || file.file_id !== undefined, 'expected a path beside content')
  .refine((file) => (file.content === undefined) !== (file.file_id === undefined), 'expected either content or file_id')
  .refine((file) => file.encoding === undefined || file.content !== undefined, 'expected encoding beside content only');

const totalLength = (files: { content?: string | undefined }[]): number =>
  files.reduce((sum, file) => sum + (file.content?.length ?? 0), 0);

/** `512MB`, `1GB`, or a number of bytes; MB and GB are 2^20 and 2^30, as the seed's configuration means them. */
export const byteSize = z.union([
  z.int().positive(),
  z.string().regex(/^\d+(\.\d+)?\s?(B|KB|MB|GB)$/i, 'expected a size like 512MB'),
]);

export const requestedLimits = z.strictObject({
  memory: byteSize.optional(),
  cpu: z.union([z.number().positive(), z.string().regex(/^\d+(\.\d+)?$/, 'expected a share like 0.5')]).optional(),
  disk: byteSize.optional(),
  processes: z.int().positive().optional(),
  open_files: z.int().positive().optional(),
});
export type RequestedLimits = z.infer<typeof requestedLimits>;

export const label = z.string().regex(/^[A-Za-z0-9._:/-]{1,100}$/, 'expected 1 to 100 of letters, digits and . _ : / -');

export const executeRequest = z.strictObject({
  language,
  code: z.string().min(1).refine(withinBytes(CODE_MAX_BYTES), `expected at most ${CODE_MAX_BYTES} bytes`),
  input_data: z
    .record(z.string(), z.json())
    .refine(
      (input) => withinBytes(INPUT_DATA_MAX_BYTES)(JSON.stringify(input)),
      `expected at most ${INPUT_DATA_MAX_BYTES} bytes of JSON`,
    )
    .optional(),
  files: z
    .array(inputFile)
    .max(100)
    .refine(
      (files) => totalLength(files) <= INLINE_FILES_MAX_BYTES,
      `expected at most ${INLINE_FILES_MAX_BYTES} characters of content in all files together (upload larger ones)`,
    )
    .optional(),
  env: environmentVariables.optional(),
  entrypoint: workspacePath.optional(),
  args: z
    .array(
      z
        .string()
        .max(4096)
        .refine((arg) => !arg.includes('\0'), 'expected text without NUL'),
    )
    .max(ARGS_MAX)
    .optional(),
  environment: z.string().min(1).max(64).optional(),
  security_profile: z.enum(['restricted', 'standard', 'trusted']).optional(),
  resource_limits: requestedLimits.optional(),
  timeout_seconds: z.number().positive().optional(),
  approval_required: z.boolean().optional(),
  justification: z.string().max(2000).optional(),
  context: z
    .record(z.string().max(64), z.json())
    .refine(
      (context) => withinBytes(CONTEXT_MAX_BYTES)(JSON.stringify(context)),
      `expected at most ${CONTEXT_MAX_BYTES} bytes of JSON`,
    )
    .optional(),
  label: label.optional(),
  /** One of the requester's; the first of them where it is left out. */
  team: z.string().min(1).max(63).optional(),
});
export type ExecuteRequest = z.infer<typeof executeRequest>;

// ── What is stored ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const requester = z.object({ user_id: z.string(), email: z.string() });
export type Requester = z.infer<typeof requester>;

export const artifact = z.object({
  file_id: z.string(),
  name: z.string(),
  size_bytes: z.int().nonnegative(),
  sha256: sha256Hex,
  content_type: z.string(),
});
export type Artifact = z.infer<typeof artifact>;

export const streamSummary = z.object({ bytes: z.int().nonnegative(), truncated: z.boolean() });

export const executionOutcome = z.object({
  error: z.object({ code: executionErrorCode, message: z.string() }).nullable(),
  exit_code: z.int().nullable(),
  signal: z.string().nullable(),
  /** The first OUTPUT_INLINE_BYTES of each stream; the whole is in the events. */
  output: z.string(),
  error_output: z.string(),
  stdout: streamSummary,
  stderr: streamSummary,
  resource_usage: usageSample,
  duration_seconds: z.number().nonnegative(),
  files: z.array(artifact),
  files_skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  prestarted: z.boolean().nullable(),
});
export type ExecutionOutcome = z.infer<typeof executionOutcome>;
export const OUTPUT_INLINE_BYTES = 32 * 1024;

/** What is written beside what was done, by whom and when: everything that belongs to it, or nothing. Never whether a record is written. */
export const auditLevel = z.enum(['full', 'standard']);
export type AuditLevel = z.infer<typeof auditLevel>;

const common = {
  execution_id: executionId,
  /** Raised by the reconciler when it starts the machine again; every task writes with the attempt it was started for. */
  attempt: z.int().positive(),
  requester,
  language,
  environment: z.string(),
  security_profile: z.string(),
  /** Of the profile at submission. */
  audit_level: auditLevel.default('full'),
  label: z.string().optional(),
  /** Whose members may see it, beside the requester; without one, everybody who may see results. */
  team: z.string().optional(),
  justification: z.string().optional(),
  digest: sha256Hex,
  image_id: z.string(),
  manifest_key: z.string(),
  limits: resourceLimits,
  timeout_seconds: z.number().positive(),
  /** Of this requester, how many may run at the same time. */
  max_concurrent: z.int().positive().optional(),
  approval: z.object({ required: z.boolean(), reasons: z.array(z.string()), approval_id: approvalId.optional() }),
  created_at: timestamp,
  updated_at: timestamp,
  /** Length and last hash of this execution's audit chain. */
  audit_length: z.int().nonnegative(),
  audit_head: z.string(),
  /** Set once a caller asked for the end; whoever acts next ends the run instead of going on. */
  cancel_requested: z.object({ by: z.string(), reason: z.string(), at: timestamp }).optional(),
};
/** What every phase has: whatever changes, an execution keeps these. */
export const executionCommon = z.object(common);
/** From the moment a sandbox is bound, at most once in the life of an execution. With the phase, the last two are its checkpoint. */
const bound = {
  sandbox_id: sandboxId,
  run_started_at: timestamp,
  /** The last event that is durable. */
  last_seq: z.int().nonnegative(),
  /** Bytes of both output streams up to that event. */
  output_offset: z.int().nonnegative().default(0),
};

export const execution = z.discriminatedUnion('phase', [
  z.object({ ...common, phase: z.literal('awaiting_approval'), status: z.literal('pending') }),
  z.object({
    ...common,
    phase: z.literal('queued'),
    status: z.literal('pending'),
    queued_at: timestamp,
    queue_token: z.string().optional(),
  }),
  z.object({
    ...common,
    phase: z.literal('starting'),
    status: z.literal('pending'),
    queued_at: timestamp,
    sandbox_id: sandboxId,
  }),
  z.object({ ...common, phase: z.literal('running'), status: z.literal('running'), queued_at: timestamp, ...bound }),
  z.object({ ...common, phase: z.literal('collecting'), status: z.literal('running'), queued_at: timestamp, ...bound }),
  z.object({
    ...common,
    phase: z.literal('done'),
    status: z.enum(['completed', 'failed', 'cancelled']),
    finished_at: timestamp,
    last_seq: z.int().nonnegative(),
    output_offset: z.int().nonnegative().default(0),
    run_started_at: timestamp.optional(),
    sandbox_id: sandboxId.optional(),
    outcome: executionOutcome,
  }),
]);
export type Execution = z.infer<typeof execution>;
export type ExecutionIn<P extends ExecutionPhase> = Extract<Execution, { phase: P }>;

// ── What a caller gets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const auditEntry = z.object({
  sequence: z.int().positive(),
  action: z.string(),
  actor: z.string(),
  at: timestamp,
  details: z.record(z.string(), z.json()),
});

export const executionSummary = z.object({
  execution_id: executionId,
  status: executionStatus,
  phase: executionPhase,
  language,
  requester,
  label: z.string().nullable(),
  team: z.string().nullable(),
  environment: z.string(),
  security_profile: z.string(),
  digest: sha256Hex,
  approval_id: approvalId.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});
export type ExecutionSummary = z.infer<typeof executionSummary>;

/** The seed's ExecutionResult. Fields of a run that has not happened (yet) are null or empty. */
export const executionResult = executionSummary.extend({
  justification: z.string().nullable(),
  approval_reasons: z.array(z.string()),
  limits: resourceLimits,
  timeout_seconds: z.number(),
  /** Its turn in the line, from 1, and in how many seconds it comes, as far as can be told. */
  queue_position: z.int().positive().nullable(),
  queue_estimate_seconds: z.int().nonnegative().nullable(),
  started_at: timestamp.nullable(),
  finished_at: timestamp.nullable(),
  exit_code: z.int().nullable(),
  signal: z.string().nullable(),
  output: z.string(),
  error_output: z.string(),
  output_truncated: z.boolean(),
  error: z.object({ code: executionErrorCode, message: z.string() }).nullable(),
  resource_usage: usageSample.nullable(),
  duration_seconds: z.number().nullable(),
  prestarted: z.boolean().nullable(),
  files_created: z.array(artifact),
  files_skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  last_seq: z.int().nonnegative(),
  output_offset: z.int().nonnegative(),
  audit_trail: z.array(auditEntry),
});
export type ExecutionResult = z.infer<typeof executionResult>;
