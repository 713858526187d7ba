import type { AuditRecord } from '../../contracts/audit.ts';
import type {
  ResponseKind,
  SecurityEvent,
  SecurityEventType,
  SecurityResponse,
  Severity,
} from '../../contracts/security-event.ts';
import type { Page } from '../page.ts';

export interface SecurityEventFilter {
  readonly event_type?: SecurityEventType | undefined;
  readonly severity?: Severity | undefined;
  readonly user_id?: string | undefined;
  readonly source_ip?: string | undefined;
  readonly from: string;
  readonly to: string;
}

export interface SecurityEventStore {
  /** Adds the count to the event of this id, or makes it. True when it was not there before. */
  add(event: SecurityEvent): Promise<boolean>;
  list(filter: SecurityEventFilter, limit: number, cursor: string | null): Promise<Page<SecurityEvent>>;
  /** All since then, in no order. */
  since(from: Date, to: Date): AsyncIterable<SecurityEvent>;
}

export interface SecurityResponseStore {
  get(responseId: string): Promise<SecurityResponse | null>;
  /** The row, what it restricts, and the audit record: all or nothing; `exists` when there is one of this id. */
  create(response: SecurityResponse, record: AuditRecord): Promise<'created' | 'exists'>;
  /** Lifts the restriction as well; `conflict` when somebody changed the row since it was read. */
  reverse(before: SecurityResponse, after: SecurityResponse, record: AuditRecord): Promise<'saved' | 'conflict'>;
  list(limit: number, cursor: string | null): Promise<Page<SecurityResponse>>;
}

/** What holds for a subject now: the kinds of response in force, each until the last of them ends. */
export interface Restrictions {
  of(subject: string, now: Date): Promise<ReadonlyMap<ResponseKind, string>>;
}

/** From where admins were let in lately: nothing blocks these of its own accord. */
export interface AdminAddresses {
  note(address: string, now: Date): Promise<void>;
  has(address: string, now: Date): Promise<boolean>;
}
