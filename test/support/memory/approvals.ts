import type { Approval, StandingApproval } from '../../../functions/contracts/approval.ts';
import type { ApprovalNotice } from '../../../functions/contracts/approval-notice.ts';
import type { AuditRecord } from '../../../functions/contracts/audit.ts';
import type { ApprovalStore, StandingChange } from '../../../functions/core/approval/ports.ts';

const copy = <T>(value: T): T => structuredClone(value);

export function memoryApprovals(): ApprovalStore & {
  readonly notices: Map<string, ApprovalNotice>;
  readonly records: AuditRecord[];
} {
  const rows = new Map<string, Approval>();
  const standings = new Map<string, StandingApproval>();
  const notices = new Map<string, ApprovalNotice>();
  const records: AuditRecord[] = [];
  const page = <T>(items: T[], idOf: (item: T) => string, limit: number, cursor: string | null) => {
    const matching = items
      .sort((a, b) => idOf(b).localeCompare(idOf(a)))
      .filter((item) => cursor === null || idOf(item) < cursor);
    const last = matching[limit - 1];
    return { items: matching.slice(0, limit).map(copy), cursor: matching.length > limit && last ? idOf(last) : null };
  };
  const isNew = (outbox: readonly ApprovalNotice[] = []): boolean => outbox.every((notice) => !notices.has(notice.notice_id));
  const isFresh = (change: StandingChange | undefined): boolean =>
    !change || standings.get(change.after.standing_approval_id)?.audit_length === change.before?.audit_length;
  const write = (record: AuditRecord, outbox: readonly ApprovalNotice[] = [], standing?: StandingChange) => {
    records.push(copy(record));
    for (const notice of outbox) notices.set(notice.notice_id, copy(notice));
    if (!standing) return;
    records.push(copy(standing.record));
    standings.set(standing.after.standing_approval_id, copy(standing.after));
  };
  return {
    notices,
    records,
    async get(id) {
      const row = rows.get(id);
      return row ? copy(row) : null;
    },
    async create(approval, record, outbox, standing) {
      if (rows.has(approval.approval_id)) return 'exists';
      if (!isFresh(standing) || !isNew(outbox)) return 'conflict';
      rows.set(approval.approval_id, copy({ ...approval, audit_length: record.sequence, audit_head: record.hash }));
      write(record, outbox, standing);
      return 'created';
    },
    async save(before, after, record, outbox, standing) {
      const row = rows.get(before.approval_id);
      if (!row || row.audit_length !== before.audit_length || !isFresh(standing) || !isNew(outbox)) return 'conflict';
      rows.set(before.approval_id, copy({ ...after, ...(row.task_token ? { task_token: row.task_token } : {}) }));
      write(record, outbox, standing);
      return 'saved';
    },
    async registerToken(id, attempt, token) {
      const row = rows.get(id);
      if (!row || row.attempt > attempt) return null;
      const next = { ...row, attempt, task_token: token };
      rows.set(id, next);
      return copy(next);
    },
    async list(status, limit, cursor) {
      const matching = [...rows.values()].filter((row) => row.status === status);
      return page(matching, (row) => row.approval_id, limit, cursor);
    },
    async listAlike({ requester_id, operation_type, label }, limit, cursor) {
      const matching = [...rows.values()].filter(
        (row) =>
          row.execution_id === null &&
          row.requester.user_id === requester_id &&
          row.operation_type === operation_type &&
          row.label === label,
      );
      return page(matching, (row) => row.approval_id, limit, cursor);
    },
    async getStanding(id) {
      const standing = standings.get(id);
      return standing ? copy(standing) : null;
    },
    async saveStanding(change) {
      if (!isFresh(change)) return 'conflict';
      write(change.record);
      standings.set(change.after.standing_approval_id, copy(change.after));
      return 'saved';
    },
    async listStanding(limit, cursor) {
      const matching = [...standings.values()].filter((standing) => standing.status === 'standing');
      return page(matching, (standing) => standing.standing_approval_id, limit, cursor);
    },
  };
}
