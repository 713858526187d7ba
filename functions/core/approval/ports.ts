import type { Approval, ApprovalStatus, StandingApproval } from '../../contracts/approval.ts';
import type { ApprovalNotice } from '../../contracts/approval-notice.ts';
import type { AuditRecord } from '../../contracts/audit.ts';
import type { Page } from '../page.ts';

/** A standing approval before and after a change, with the record of the change; `before` is null when it is new. */
export interface StandingChange {
  readonly before: StandingApproval | null;
  readonly after: StandingApproval;
  readonly record: AuditRecord;
}

export interface Alike {
  readonly requester_id: string;
  readonly operation_type: string;
  readonly label: string;
}

/**
 * Every write is one transaction: the row, its audit record, and the notices, which are the outbox of what is to be said to whom. The
 * table's stream hands them on; each is there once, however often a change is tried.
 */
export interface ApprovalStore {
  get(approvalId: string): Promise<Approval | null>;
  /**
   * `exists`: opening it twice is once. `conflict`: the standing approval it was to use was used or revoked since it was read. Either
   * way nothing is written.
   */
  create(
    approval: Approval,
    record: AuditRecord,
    notices?: readonly ApprovalNotice[],
    standing?: StandingChange,
  ): Promise<'created' | 'exists' | 'conflict'>;
  /** Writes what differs; `conflict` when anybody decided since `before` was read. */
  save(
    before: Approval,
    after: Approval,
    record: AuditRecord,
    notices?: readonly ApprovalNotice[],
    standing?: StandingChange,
  ): Promise<'saved' | 'conflict'>;
  /** Keeps the token of the state that waits. Returns the row, which may already be decided. */
  registerToken(approvalId: string, attempt: number, token: string): Promise<Approval | null>;
  list(status: ApprovalStatus, limit: number, cursor: string | null): Promise<Page<Approval>>;
  /** Requests for what is no run, newest first: of this requester, type and label, however they stand. */
  listAlike(alike: Alike, limit: number, cursor: string | null): Promise<Page<Approval>>;
  getStanding(standingId: string): Promise<StandingApproval | null>;
  saveStanding(change: StandingChange): Promise<'saved' | 'conflict'>;
  /** Those that were not revoked. */
  listStanding(limit: number, cursor: string | null): Promise<Page<StandingApproval>>;
}

/** The state machine that keeps the clocks of one stage of a request. */
export interface ClockMachine {
  /** Starting the same round of the same stage twice is once. */
  start(approvalId: string, stage: number, round: number): Promise<void>;
}

/** Which request somebody's `Idempotency-Key` stands for. */
export interface OperationKeys {
  /** The id the key was claimed for first, this one or an earlier; null when it came with another request. */
  claim(
    key: { readonly user_id: string; readonly key: string; readonly request_hash: string },
    approvalId: string,
    now: Date,
  ): Promise<string | null>;
}
