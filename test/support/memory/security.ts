import type { AuditRecord } from '../../../functions/contracts/audit.ts';
import type { ResponseKind, SecurityEvent, SecurityResponse } from '../../../functions/contracts/security-event.ts';
import type {
  AdminAddresses,
  Restrictions,
  SecurityEventStore,
  SecurityResponseStore,
} from '../../../functions/core/security/ports.ts';
import { subjectName } from '../../../functions/core/security/responses.ts';

export interface SecurityStores {
  readonly events: SecurityEventStore;
  readonly responses: SecurityResponseStore;
  readonly restrictions: Restrictions;
  readonly adminAddresses: AdminAddresses;
}

/** Held to the same contract test as the table. */
export function memorySecurity(): SecurityStores & { readonly audit: AuditRecord[] } {
  const events = new Map<string, SecurityEvent>();
  const responses = new Map<string, SecurityResponse>();
  const admins = new Map<string, number>();
  const audit: AuditRecord[] = [];
  const newestFirst = <T extends { readonly [K in N]: string }, N extends string>(rows: Iterable<T>, name: N): T[] =>
    [...rows].sort((a, b) => (a[name] < b[name] ? 1 : -1));
  const pageOf = <T>(items: T[], limit: number, nameOf: (item: T) => string, cursor: string | null) => {
    const rest = items.filter((item) => cursor === null || nameOf(item) < cursor);
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    return { items: structuredClone(page), cursor: rest.length > limit && last ? nameOf(last) : null };
  };
  return {
    audit,
    events: {
      async add(event) {
        const before = events.get(event.event_id);
        events.set(event.event_id, before ? { ...before, count: before.count + event.count } : structuredClone(event));
        return before === undefined;
      },
      async list(filter, limit, cursor) {
        const matching = [...events.values()].filter(
          (event) =>
            Date.parse(event.timestamp) <= Date.parse(filter.to) &&
            Date.parse(event.timestamp) + 60_000 >= Date.parse(filter.from) &&
            (filter.event_type === undefined || event.event_type === filter.event_type) &&
            (filter.severity === undefined || event.severity === filter.severity) &&
            (filter.user_id === undefined || event.user_id === filter.user_id) &&
            (filter.source_ip === undefined || event.source_ip === filter.source_ip),
        );
        return pageOf(newestFirst(matching, 'event_id'), limit, ({ event_id }) => event_id, cursor);
      },
      async *since(from, to) {
        const seen = [...events.values()].filter(
          ({ timestamp }) => Date.parse(timestamp) >= from.getTime() && Date.parse(timestamp) <= to.getTime(),
        );
        yield* structuredClone(newestFirst(seen, 'event_id').reverse());
      },
    },
    responses: {
      async get(id) {
        return structuredClone(responses.get(id) ?? null);
      },
      async create(response, record) {
        if (responses.has(response.response_id)) return 'exists';
        responses.set(response.response_id, structuredClone(response));
        audit.push(record);
        return 'created';
      },
      async reverse(before, after, record) {
        if (responses.get(before.response_id)?.audit_length !== before.audit_length) return 'conflict';
        responses.set(before.response_id, structuredClone(after));
        audit.push(record);
        return 'saved';
      },
      async list(limit, cursor) {
        return pageOf(newestFirst(responses.values(), 'response_id'), limit, ({ response_id }) => response_id, cursor);
      },
    },
    restrictions: {
      async of(subject, now) {
        const kinds = new Map<ResponseKind, string>();
        for (const { subject: about, kind, ends_at: endsAt, reversed_at: reversed } of responses.values()) {
          if (subjectName(about) !== subject || reversed !== null || endsAt <= now.toISOString()) continue;
          if (endsAt > (kinds.get(kind) ?? '')) kinds.set(kind, endsAt);
        }
        return kinds;
      },
    },
    adminAddresses: {
      async note(address, now) {
        admins.set(address, now.getTime());
      },
      async has(address, now) {
        return now.getTime() - (admins.get(address) ?? Number.NEGATIVE_INFINITY) < 24 * 3600_000;
      },
    },
  };
}
