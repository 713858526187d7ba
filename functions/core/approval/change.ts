/** One way to write every change of a request: row, audit record and notices in one transaction, on condition that nobody wrote since. */
import type { Approval } from '../../contracts/approval.ts';
import { type AuditDraft, appendToChain } from '../audit/chain.ts';
import { type NoticeDraft, noticesOf } from './notices.ts';
import type { ApprovalStore, StandingChange } from './ports.ts';

export interface ApprovalChange {
  readonly next: Approval;
  readonly action: string;
  readonly actor: string;
  readonly details: AuditDraft['details'];
  readonly notices?: readonly NoticeDraft[];
  /** What the change grants for later runs. */
  readonly standing?: StandingChange;
}

const MAX_TRIES = 8;

/**
 * Applies a change; starts over when somebody else wrote in between. What the change needs to look up is looked up for the row it is
 * applied to. Returns what the change answered last.
 */
export async function updateApproval<R extends { change: ApprovalChange } | null>(
  store: ApprovalStore,
  approvalId: string,
  now: Date,
  change: (row: Approval) => R | Promise<R>,
): Promise<{ row: Approval | null; result: R | null }> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const row = await store.get(approvalId);
    const result = row && (await change(row));
    if (!row || !result) return { row, result: null };
    const { next, action, actor, details, notices = [], standing } = result.change;
    const at = now.toISOString();
    const { record, end } = appendToChain(approvalId, row, { action, actor, at, details });
    const after: Approval = { ...next, updated_at: at, ...end };
    const outbox = noticesOf(after, record.sequence, notices, at);
    if ((await store.save(row, after, record, outbox, standing)) === 'saved') return { row: after, result };
  }
  throw new Error(`approval ${approvalId} was written by others ${MAX_TRIES} times in a row`);
}
