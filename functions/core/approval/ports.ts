import type { Approval, ApprovalStatus } from '../../contracts/approval.ts';
import type { AuditRecord } from '../../contracts/audit.ts';
import type { Page } from '../page.ts';

export interface ApprovalStore {
  get(approvalId: string): Promise<Approval | null>;
  /** False when the request exists already: opening it twice is once. */
  create(approval: Approval, record: AuditRecord): Promise<boolean>;
  /** Writes what differs and the audit record; `conflict` when anybody decided since `before` was read. */
  save(before: Approval, after: Approval, record: AuditRecord): Promise<'saved' | 'conflict'>;
  /** Keeps the token of the state that waits. Returns the row, which may already be decided. */
  registerToken(approvalId: string, attempt: number, token: string): Promise<Approval | null>;
  list(status: ApprovalStatus, limit: number, cursor: string | null): Promise<Page<Approval>>;
}
