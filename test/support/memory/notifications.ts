import type { Delivery, NotificationPreferences } from '../../../functions/contracts/notification.ts';
import type { DeliveryStore, PreferenceStore } from '../../../functions/core/notification/ports.ts';

export function memoryDeliveries(): DeliveryStore & { readonly rows: Map<string, Delivery> } {
  const rows = new Map<string, Delivery>();
  const isAsRead = (before: Delivery): boolean => {
    const row = rows.get(before.delivery_id);
    return row?.status === before.status && row.attempts === before.attempts;
  };
  const put = (row: Delivery) => rows.set(row.delivery_id, structuredClone(row));
  return {
    rows,
    async create(row) {
      if (rows.has(row.delivery_id)) return false;
      put(row);
      return true;
    },
    async get(id) {
      return structuredClone(rows.get(id)) ?? null;
    },
    async save(before, after) {
      if (!isAsRead(before)) return false;
      put(after);
      return true;
    },
    async handOver(before, after, next) {
      if (!isAsRead(before)) return false;
      put(after);
      if (!rows.has(next.delivery_id)) put(next);
      return true;
    },
    async listDue(now, limit) {
      return [...rows.values()]
        .filter((row) => 'due_at' in row && row.due_at <= now.toISOString())
        .sort((a, b) => ('due_at' in a && 'due_at' in b ? a.due_at.localeCompare(b.due_at) : 0))
        .slice(0, limit)
        .map((row) => structuredClone(row));
    },
    async listOf(approvalId) {
      return [...rows.values()].filter((row) => row.approval_id === approvalId).map((row) => structuredClone(row));
    },
    async countOn(day, most) {
      const people = [...rows.values()].flatMap((row) =>
        row.status === 'sent' && row.updates === null && row.recipient.kind === 'person' && row.ended_at.startsWith(day)
          ? [{ user_id: row.recipient.user_id, email: row.recipient.email }]
          : [],
      );
      const counted = Map.groupBy(people.slice(0, most), ({ user_id }) => user_id);
      const told = [...counted.values()].flatMap((ofOne) => (ofOne[0] ? [{ person: ofOne[0], messages: ofOne.length }] : []));
      return { told, complete: people.length <= most };
    },
  };
}

export function memoryPreferences(): PreferenceStore {
  const rows = new Map<string, NotificationPreferences>();
  return {
    async get(userId) {
      return rows.get(userId) ?? null;
    },
    async put(userId, preferences) {
      rows.set(userId, structuredClone(preferences));
    },
  };
}
