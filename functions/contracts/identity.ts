import { z } from 'zod';
import { timestamp } from './execution.ts';
import { sha256Hex } from './manifest.ts';

/** What a role or a key can be given. A route asks for one of them; `authorize` adds whose resource it is. */
export const PERMISSIONS = [
  /** Submit code, upload files for it, end one's own runs. */
  'execute_code',
  'access_agents',
  /** Look at what is one's own. */
  'read_state',
  /** Look at what others of one's teams ran, and at what belongs to no team. */
  'view_results',
  /** Look beyond one's teams. */
  'view_all_teams',
  /** Decide on requests, where a rule makes one eligible. */
  'approve',
  /** End the runs of others that one may see. */
  'cancel_any',
  'manage_users',
  /** Keys of others. */
  'manage_keys',
  'manage_limits',
  'read_security',
  'manage_security',
  'read_audit',
] as const;
export const permission = z.enum(PERMISSIONS);
export type Permission = z.infer<typeof permission>;

/** The seed's roles and three more; a configuration may add its own. */
export const roleName = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'expected a name of lower-case letters, digits and _');
export const ADMIN_ROLE = 'admin';

export const teamName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'expected a name of lower-case letters, digits, - and _');

export const userId = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'expected the id of a user');

/**
 * What is known of a person or agent, and holds whatever their token says. Kept current from the groups of each sign-in, changed by
 * admins, read by every request.
 */
export const identityRecord = z.object({
  user_id: userId,
  email: z.string(),
  /** What the user pool calls somebody who came from a provider; null for its own users, who go by their id. */
  pool_username: z.string().nullable(),
  roles: z.array(roleName),
  /** An admin set the roles: what sign-ins say of them counts only from tokens that were made after this moment. */
  roles_held_until: timestamp.nullable(),
  /** The first one is that of what they submit, unless they name another. */
  teams: z.array(teamName),
  trusted_agent: z.boolean(),
  /** Who answers for an agent; null for a person. Agents ask, people decide. */
  owner_id: userId.nullable(),
  disabled: z.boolean(),
  /** Whatever was issued before this moment counts for nothing. */
  valid_after: timestamp.nullable(),
  audit_length: z.int().nonnegative(),
  audit_head: sha256Hex.or(z.literal('')),
});
export type IdentityRecord = z.infer<typeof identityRecord>;

export const userView = identityRecord.omit({
  pool_username: true,
  roles_held_until: true,
  audit_length: true,
  audit_head: true,
});
export type UserView = z.infer<typeof userView>;

/** An admin's change of a user; what is left out stays. */
export const userChange = z
  .strictObject({
    roles: z.array(roleName).max(16).optional(),
    teams: z.array(teamName).max(32).optional(),
    trusted_agent: z.boolean().optional(),
    owner_id: userId.nullable().optional(),
    disabled: z.boolean().optional(),
    /** Ends every session of the user. */
    sign_out: z.literal(true).optional(),
    reason: z.string().min(1).max(500),
  })
  .refine((change) => Object.keys(change).length > 1, 'expected something to change beside the reason');
export type UserChange = z.infer<typeof userChange>;

export const me = z.object({
  user_id: userId,
  email: z.string(),
  roles: z.array(roleName),
  teams: z.array(teamName),
  trusted_agent: z.boolean(),
  /** What may be done with the credential of this request. */
  permissions: z.array(permission),
  credential: z.enum(['token', 'session', 'api_key']),
});
