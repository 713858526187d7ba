/** Files that are too large to be part of a request: uploaded first, named by their id when code is submitted. */
import { z } from 'zod';
import { timestamp } from './execution.ts';
import { fileId } from './ids.ts';
import { sha256Hex } from './manifest.ts';

export const UPLOAD_MAX_BYTES = 100 * 1024 * 1024;
/** All input files of one submission: more cannot be read while the caller waits. */
export const INPUT_FILES_MAX_BYTES = 512 * 1024 * 1024;
/** For so long what was uploaded can be named in a submission. */
export const UPLOAD_KEPT_DAYS = 1;
/** Longer than an approval can stay open and its execution is shown. */
export const BLOB_KEPT_DAYS = 400;

export const uploadRequest = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(255)
    .refine((name) => !/[\p{Cc}\p{Cf}/\\]/u.test(name), 'expected a file name without slashes and control characters'),
  size: z.int().min(0).max(UPLOAD_MAX_BYTES, `expected at most ${UPLOAD_MAX_BYTES} bytes`),
  sha256: sha256Hex,
});

/** What was announced of an upload. The bytes are believed only once they were read on submission. */
export const upload = z.object({
  file_id: fileId,
  owner_id: z.string(),
  name: z.string(),
  size_bytes: z.int().nonnegative(),
  sha256: sha256Hex,
  created_at: timestamp,
  /** Its bytes were read once and are those announced. */
  verified: z.boolean(),
});
export type Upload = z.infer<typeof upload>;

/** `PUT` the bytes to `upload_url` with exactly these headers, before `expires_at`. */
export const uploadAnswer = z.object({
  file_id: fileId,
  upload_url: z.url(),
  method: z.literal('PUT'),
  headers: z.record(z.string(), z.string()),
  expires_at: timestamp,
  /** Until then it can be named in a submission. */
  usable_until: timestamp,
});
