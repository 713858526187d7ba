import type { AuditRecord } from '../../contracts/audit.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import type { Page } from '../page.ts';

/** What a sign-in tells of its holder. */
export interface SignedIn {
  readonly user_id: string;
  readonly email: string;
  readonly roles: readonly string[];
}

export interface IdentityStore {
  get(userId: string): Promise<IdentityRecord | null>;
  /** Creates the row at the first sign-in, later keeps e-mail and roles current; never touches the other attributes. */
  rememberSignIn(signedIn: SignedIn): Promise<IdentityRecord>;
  /**
   * Writes what differs, and the audit record; `conflict` when anybody changed the row since `before` was read, `last_admin` when
   * afterwards nobody would be an enabled admin.
   */
  save(before: IdentityRecord, after: IdentityRecord, record: AuditRecord): Promise<'saved' | 'conflict' | 'last_admin'>;
  list(limit: number, cursor: string | null): Promise<Page<IdentityRecord>>;
  /** Ids of the enabled admins. */
  admins(): Promise<readonly string[]>;
}

/** The groups of the user pool, from which tokens and later sign-ins take their roles. */
export interface UserDirectory {
  /** Afterwards the user is in the groups of exactly these roles. Doing it again changes nothing. */
  setRoles(user: { user_id: string; email: string }, roles: readonly string[]): Promise<void>;
  /** Ends what the pool itself would still accept: refresh tokens, and sign-ins of a disabled user. */
  setEnabled(user: { user_id: string; email: string }, enabled: boolean): Promise<void>;
  signOut(user: { user_id: string; email: string }): Promise<void>;
}
