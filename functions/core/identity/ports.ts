import type { AuditRecord } from '../../contracts/audit.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import type { Page } from '../page.ts';

/** What a sign-in tells of its holder. */
export interface SignedIn {
  readonly user_id: string;
  /** null when nobody has verified it. */
  readonly email: string | null;
  readonly roles: readonly string[];
  readonly pool_username: string | null;
  /** When the pool made the token that says so; it counts whole seconds. */
  readonly issued_at: string;
}

export interface IdentityStore {
  get(userId: string): Promise<IdentityRecord | null>;
  /** `conflict` when there is a row already. */
  create(row: IdentityRecord, record: AuditRecord): Promise<'saved' | 'conflict'>;
  /**
   * Writes what differs, and the audit record; `conflict` when anybody changed the row since `before` was read, `last_admin` when
   * afterwards nobody would be an enabled admin.
   */
  save(before: IdentityRecord, after: IdentityRecord, record: AuditRecord): Promise<'saved' | 'conflict' | 'last_admin'>;
  /** From when on sign-ins say again which roles somebody has; false when anybody changed the row since it was read. */
  holdRoles(before: IdentityRecord, until: string): Promise<boolean>;
  list(limit: number, cursor: string | null): Promise<Page<IdentityRecord>>;
  /** Ids of the enabled admins. */
  admins(): Promise<readonly string[]>;
}

/** How the user pool knows somebody. */
export type PoolUser = Pick<IdentityRecord, 'user_id' | 'pool_username'>;

/** The groups of the user pool, from which tokens and later sign-ins take their roles. */
export interface UserDirectory {
  /** Afterwards the user is in the groups of exactly these roles. Doing it again changes nothing. */
  setRoles(user: PoolUser, roles: readonly string[]): Promise<void>;
  /** Ends what the pool itself would still accept: refresh tokens, and sign-ins of a disabled user. */
  setEnabled(user: PoolUser, enabled: boolean): Promise<void>;
  signOut(user: PoolUser): Promise<void>;
}
