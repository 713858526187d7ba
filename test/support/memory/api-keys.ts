import type { ApiKeyRecord } from '../../../functions/contracts/api-key.ts';
import type { AuditRecord } from '../../../functions/contracts/audit.ts';
import { isWatched } from '../../../functions/core/identity/key-rotation.ts';
import type { ApiKeyStore } from '../../../functions/core/identity/keys.ts';

/** Held to the same contract test as the table. */
export function memoryApiKeys(): ApiKeyStore & { readonly audit: AuditRecord[] } {
  const rows = new Map<string, ApiKeyRecord>();
  const audit: AuditRecord[] = [];
  const isCurrent = (before: ApiKeyRecord) => rows.get(before.key_id)?.audit_length === before.audit_length;
  const put = (key: ApiKeyRecord, record: AuditRecord) => {
    rows.set(key.key_id, structuredClone(key));
    audit.push(structuredClone(record));
  };
  return {
    audit,
    async get(keyId) {
      return structuredClone(rows.get(keyId) ?? null);
    },
    async create(key, record) {
      if (rows.has(key.key_id)) throw new Error(`key ${key.key_id} exists already`);
      put(key, record);
    },
    async save(before, after, record) {
      if (!isCurrent(before)) return 'conflict';
      put(after, record);
      return 'saved';
    },
    async replace(before, after, record, successor) {
      if (!isCurrent(before) || rows.has(successor.key.key_id)) return 'conflict';
      put(after, record);
      put(successor.key, successor.record);
      return 'saved';
    },
    async dueForRotation(by, limit) {
      const due = [...rows.values()]
        .filter((key) => isWatched(key) && key.rotation_due_at <= by.toISOString())
        .sort((a, b) => a.rotation_due_at.localeCompare(b.rotation_due_at));
      return structuredClone(due.slice(0, limit));
    },
    async listOf(ownerId, limit, cursor) {
      const own = [...rows.values()]
        .filter((key) => key.owner_id === ownerId && (cursor === null || key.key_id > cursor))
        .sort((a, b) => a.key_id.localeCompare(b.key_id));
      const items = own.slice(0, limit);
      return { items: structuredClone(items), cursor: own.length > limit ? (items.at(-1)?.key_id ?? null) : null };
    },
  };
}
