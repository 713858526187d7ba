import type { AuditRecord } from '../../contracts/audit.ts';
import type { Page } from '../page.ts';

export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  /** Both ends count. */
  readonly from: string;
  readonly to: string;
}

export interface AuditLog {
  /** In order of their numbers, strongly consistent. */
  ofEntity(entityId: string): AsyncIterable<AuditRecord>;
  /** Of all entities, newest hour first; a page may be short or empty while its cursor goes on. */
  list(filter: AuditFilter, limit: number, cursor: string | null): Promise<Page<AuditRecord>>;
}
