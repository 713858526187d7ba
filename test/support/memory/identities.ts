import type { AuditRecord } from '../../../functions/contracts/audit.ts';
import { ADMIN_ROLE, type IdentityRecord } from '../../../functions/contracts/identity.ts';
import type { IdentityStore } from '../../../functions/core/identity/ports.ts';

const isAdmin = (user: IdentityRecord): boolean => user.roles.includes(ADMIN_ROLE) && !user.disabled;

/** Held to the same contract test as the table. */
export function memoryIdentities(): IdentityStore & { readonly audit: AuditRecord[] } {
  const rows = new Map<string, IdentityRecord>();
  const audit: AuditRecord[] = [];
  return {
    audit,
    async get(userId) {
      return structuredClone(rows.get(userId) ?? null);
    },
    async create(row, record) {
      if (rows.has(row.user_id)) return 'conflict';
      rows.set(row.user_id, structuredClone(row));
      audit.push(structuredClone(record));
      return 'saved';
    },
    async holdRoles(before, until) {
      const row = rows.get(before.user_id);
      if (row?.audit_length !== before.audit_length) return false;
      rows.set(row.user_id, { ...row, roles_held_until: until });
      return true;
    },
    async save(before, after, record) {
      if (rows.get(before.user_id)?.audit_length !== before.audit_length) return 'conflict';
      const others = [...rows.values()].filter((row) => row.user_id !== before.user_id && isAdmin(row));
      if (isAdmin(before) && !isAdmin(after) && others.length === 0) return 'last_admin';
      rows.set(before.user_id, structuredClone(after));
      audit.push(structuredClone(record));
      return 'saved';
    },
    async admins() {
      return [...rows.values()].filter(isAdmin).map((row) => row.user_id);
    },
    async list(limit, cursor) {
      const after = [...rows.values()]
        .sort((a, b) => a.user_id.localeCompare(b.user_id))
        .filter((row) => cursor === null || row.user_id > cursor);
      const items = after.slice(0, limit);
      return { items: structuredClone(items), cursor: after.length > limit ? (items.at(-1)?.user_id ?? null) : null };
    },
  };
}
