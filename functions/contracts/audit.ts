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
