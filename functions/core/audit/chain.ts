/** One hash chain per entity: each record names the hash of the one before it, so that no record can be changed or taken out unseen. */
import type { AuditRecord } from '../../contracts/audit.ts';
import type { AuditLevel } from '../../contracts/execution.ts';
import { canonicalJson, type Json, sha256 } from '../text/json.ts';

/** What happened, before it has a place in the chain. `details` must not hold code, tokens or secrets. */
export interface AuditDraft {
  readonly action: string;
  readonly actor: string;
  readonly at: string;
  readonly details: Record<string, Json>;
}

/** The end of a chain as its entity's row holds it. */
export interface ChainEnd {
  readonly audit_length: number;
  readonly audit_head: string;
}

export const EMPTY_CHAIN: ChainEnd = { audit_length: 0, audit_head: '' };

/** What a level leaves of the details. */
export const detailsAt = (level: AuditLevel, details: AuditDraft['details']): AuditDraft['details'] =>
  level === 'full' ? details : {};

export function appendToChain(entityId: string, end: ChainEnd, draft: AuditDraft): { record: AuditRecord; end: ChainEnd } {
  const body = { entity_id: entityId, sequence: end.audit_length + 1, ...draft, previous_hash: end.audit_head };
  const record = { ...body, hash: sha256(canonicalJson(body)) };
  return { record, end: { audit_length: record.sequence, audit_head: record.hash } };
}

/** First fault of a chain read in order, or null. Compares with the entity's own counter, so that a cut tail shows too. */
export function findChainFault(records: readonly AuditRecord[], end: ChainEnd): string | null {
  let previous = EMPTY_CHAIN;
  for (const { hash, ...body } of records) {
    if (body.sequence !== previous.audit_length + 1) return `record ${body.sequence} follows record ${previous.audit_length}`;
    if (body.previous_hash !== previous.audit_head)
      return `record ${body.sequence} does not name the hash of the record before it`;
    if (sha256(canonicalJson(body)) !== hash) return `record ${body.sequence} was changed`;
    previous = { audit_length: body.sequence, audit_head: hash };
  }
  if (previous.audit_length !== end.audit_length)
    return `the entity counts ${end.audit_length} records, found ${previous.audit_length}`;
  return previous.audit_head === end.audit_head ? null : 'the last record is not the one the entity names';
}
