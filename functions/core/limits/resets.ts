/** That somebody let a subject begin anew: written down before it is done. */
import type { AuditRecord } from '../../contracts/audit.ts';
import { appendToChain, type ChainEnd, EMPTY_CHAIN } from '../audit/chain.ts';
import type { LimitedSubject } from './buckets.ts';

export interface LimitReset extends ChainEnd {
  readonly reset_id: string;
  readonly subject: LimitedSubject;
  readonly reset_by: string;
  readonly reset_at: string;
}

export interface LimitResetStore {
  /** The row and its audit record, both or neither. */
  create(reset: LimitReset, record: AuditRecord): Promise<void>;
}

export function resetOf(
  resetId: string,
  subject: LimitedSubject,
  by: string,
  now: Date,
): { readonly reset: LimitReset; readonly record: AuditRecord } {
  const at = now.toISOString();
  const draft = { action: 'limits_reset', actor: by, at, details: { kind: subject.kind, subject: subject.id } };
  const { record, end } = appendToChain(resetId, EMPTY_CHAIN, draft);
  return { reset: { reset_id: resetId, subject, reset_by: by, reset_at: at, ...end }, record };
}
