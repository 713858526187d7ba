import type { ApprovalVisit, PersonalLink } from '../../../functions/contracts/approval-link.ts';
import type { LinkStore, VisitStore } from '../../../functions/core/approval/personal-link.ts';

export const memoryLinks = (): LinkStore & { readonly rows: Map<string, PersonalLink> } => rowsByHash<PersonalLink>();
export const memoryVisits = (): VisitStore & { readonly rows: Map<string, ApprovalVisit> } => rowsByHash<ApprovalVisit>();

function rowsByHash<T>() {
  const rows = new Map<string, T>();
  return {
    rows,
    async create(hash: string, row: T): Promise<void> {
      rows.set(hash, structuredClone(row));
    },
    async get(hash: string): Promise<T | null> {
      return structuredClone(rows.get(hash) ?? null);
    },
  };
}
