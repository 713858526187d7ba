import { z } from 'zod';
import { timestamp } from './execution.ts';
import { sha256Hex } from './manifest.ts';

/** One link of an entity's hash chain: hash = sha256 over the canonical JSON of all other fields. */
export const auditRecord = z.object({
  entity_id: z.string(),
  sequence: z.int().positive(),
  action: z.string(),
  actor: z.string(),
  at: timestamp,
  details: z.record(z.string(), z.json()),
  previous_hash: z.string(),
  hash: sha256Hex,
});
export type AuditRecord = z.infer<typeof auditRecord>;

/** An hour of UTC, as `2026-11-23T10`: records are found and anchored by it. */
export const auditHour = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])$/, 'expected an hour');
export const hourOf = (at: string): string => at.slice(0, 13);

/** A record as it lies in the table, with the hour it is found by, and nothing else. */
export const storedAuditRecord = z.strictObject({ ...auditRecord.shape, hour: auditHour });

/** What lies in the table, whatever was done to it: only its key is sure. */
export const auditItem = z.looseObject({ entity_id: z.string(), sequence: z.number() });
export type AuditItem = z.infer<typeof auditItem>;

/**
 * What an hour held, under a lock that nobody can lift for a year: the Merkle root over its records, the hash of the file that holds them,
 * and the hash of the anchor before it.
 */
export const auditAnchor = z.object({
  version: z.literal(1),
  hour: auditHour,
  records: z.int().nonnegative(),
  root: sha256Hex,
  archive_sha256: sha256Hex,
  /** The anchor before this one, as it is stored; empty for the first. */
  previous_hour: auditHour.nullable(),
  previous_sha256: sha256Hex.or(z.literal('')),
  anchored_at: timestamp,
});
export type AuditAnchor = z.infer<typeof auditAnchor>;

export const anchorKey = (hour: string): string => `anchors/${hour}.json`;
/** One record a line, in the order of entity and sequence. */
export const archiveKey = (hour: string): string => `audit/${hour}.ndjson`;
