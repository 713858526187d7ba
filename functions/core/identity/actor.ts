/** Who is calling, by which credential, and what they may do with it. */
import type { Permission } from '../../contracts/identity.ts';

/** What a key may be used for, beside its permissions; a list left out does not narrow. */
export interface ResourceScope {
  readonly environments?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly teams?: readonly string[] | undefined;
}

interface OfSession {
  readonly session_id: string;
  readonly issued_at: string;
  /** Whether the session was opened with more than a password. */
  readonly second_factor: boolean;
}

export type Credential =
  | (OfSession & { readonly kind: 'token'; readonly token_id: string })
  | (OfSession & {
      readonly kind: 'session';
      /** The one request it is good for, of whoever came by a link to it; left out: whatever the person may do. */
      readonly limited_to?: string;
    })
  | { readonly kind: 'api_key'; readonly key_id: string; readonly resources: ResourceScope };

export interface Actor {
  readonly user_id: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly teams: readonly string[];
  /** An attribute an admin gives an identity; never taken from a request. */
  readonly trusted_agent: boolean;
  /** Who answers for the agent that calls; null for a person. */
  readonly owner_id: string | null;
  /** What the roles give now, and where a key is used, only what the key has of it. */
  readonly permissions: readonly Permission[];
  readonly credential: Credential;
}

export const hasSecondFactor = ({ credential }: Actor): boolean => credential.kind !== 'api_key' && credential.second_factor;
/** Whether they came by a link and have not signed in. */
export const isVisitor = ({ credential }: Actor): boolean => credential.kind === 'session' && credential.limited_to !== undefined;

/** Permissions by role, inheritance and `*` resolved: what the configuration says. */
export type RolePermissions = Readonly<Record<string, readonly Permission[]>>;

/** A role nobody described gives nothing. */
export const permissionsOf = (roles: readonly string[], granted: RolePermissions): Permission[] => [
  ...new Set(roles.flatMap((role) => (Object.hasOwn(granted, role) ? (granted[role] ?? []) : []))),
];
