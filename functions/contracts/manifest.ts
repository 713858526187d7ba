import { z } from 'zod';

/** The four languages of the seed's CodeExecutionRequest. */
export const language = z.enum(['python', 'nodejs', 'bash', 'sql']);
export type Language = z.infer<typeof language>;

export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hexadecimal characters');

/** A path inside the workspace: relative, no empty, `.` or `..` segment, no control or path-separator tricks. */
export const workspacePath = z
  .string()
  .min(1)
  .max(255)
  .refine((path) => path.split('/').every((segment) => /^(?!\.{1,2}$)[A-Za-z0-9._@+ -]{1,100}$/.test(segment)), {
    message:
      'expected a relative path of plain names (letters, digits, . _ @ + - and space), without "..", "." or empty segments',
  });

export const resourceLimits = z.strictObject({
  memory_bytes: z.int().positive(),
  /** Share of one CPU: 0.5 is half a core. */
  cpu: z.number().positive(),
  disk_bytes: z.int().positive(),
  processes: z.int().positive(),
  open_files: z.int().positive(),
});
export type ResourceLimits = z.infer<typeof resourceLimits>;

export const manifestFile = z.strictObject({ path: workspacePath, sha256: sha256Hex, size_bytes: z.int().nonnegative() });

/**
 * Everything that decides what a run does, written once at submission as exact UTF-8 bytes. The approver's page, the gate and the
 * supervisor hash these bytes and then parse them; nobody writes them again (design section 1).
 */
export const manifest = z.strictObject({
  version: z.literal(1),
  execution_id: z.string(),
  requester_id: z.string(),
  /** The caller asked for a human; it can only raise what the rules say, never lower it. */
  approval_requested: z.boolean(),
  language,
  code: z.string(),
  /** File name the code is stored under in the workspace; its extension picks the loader (.mjs .cjs .js .ts .mts .cts .py .sh .sql). */
  entrypoint: workspacePath,
  args: z.array(z.string()),
  /** Text given on standard input and stored as `input.json`: the request's `input_data` as JSON, or null for none. */
  stdin: z.string().nullable(),
  env: z.record(z.string(), z.string()),
  files: z.array(manifestFile),
  environment: z.string(),
  limits: resourceLimits,
  timeout_seconds: z.number().positive(),
  network: z.literal('none'),
  /** The profile's name and its content at submission, so that a later change of the configuration changes the digest. */
  profile: z.strictObject({ name: z.string(), content: z.record(z.string(), z.json()) }),
  context: z.record(z.string(), z.json()),
  image_id: z.string(),
});
export type Manifest = z.infer<typeof manifest>;

/**
 * All of it as JSON, in which some characters take six bytes. An approver is sent it within an answer, which a function may make 6 MB
 * long and which may write each of these bytes as two; a sandbox takes 4 MB.
 */
export const MANIFEST_MAX_BYTES = 2 * 1024 * 1024;

/** Prefix hashed before the manifest's bytes: a digest of one format can never be mistaken for another's. */
export const DIGEST_PREFIX = 'airlock.v1\n';
