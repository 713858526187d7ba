import { z } from 'zod';
import { timestamp } from './execution.ts';
import { permission, teamName, userId } from './identity.ts';
import { sha256Hex } from './manifest.ts';

/**
 * `alk_<id>_<secret><checksum>`: 24, 64 and 8 hexadecimal digits. The prefix and the CRC-32 of all before it let a scanner of secrets
 * recognise a key without asking anybody.
 */
export const API_KEY_PATTERN = /^alk_([0-9a-f]{24})_([0-9a-f]{64})([0-9a-f]{8})$/;

export const keyId = z.string().regex(/^key_[0-9a-f]{24}$/, 'expected the id of a key, as key_0a1b…');

/** Deciding is for people who signed in: a program that holds a key never approves. */
export const keyPermission = permission.exclude(['approve'], {
  error: (issue) =>
    issue.input === 'approve' ? 'a permission other than approve: people decide, signed in as themselves' : undefined,
});

export type KeyPermission = z.infer<typeof keyPermission>;

const label = z.string().regex(/^[A-Za-z0-9._:/-]{1,100}$/, 'expected a label: letters, digits and . _ : / -');

/** A list left out does not narrow. */
export const keyResources = z.strictObject({
  environments: z.array(z.string().min(1).max(64)).min(1).max(50).optional(),
  labels: z.array(label).min(1).max(50).optional(),
  teams: z.array(teamName).min(1).max(32).optional(),
});
export type KeyResources = z.infer<typeof keyResources>;

export const apiKeyRecord = z.object({
  key_id: keyId,
  owner_id: userId,
  name: z.string(),
  /** Of the whole key. 256 random bits need no slow hash. */
  sha256: sha256Hex,
  permissions: z.array(keyPermission),
  resources: keyResources,
  created_at: timestamp,
  /** The end that was asked for; successors keep it. */
  expires_at: timestamp.nullable(),
  /** When it was due for rotation, and whether or not anybody rotated it, when it ends. */
  rotation_due_at: timestamp,
  /** When its owner was told that it is due. */
  rotation_told_at: timestamp.nullable(),
  ends_at: timestamp,
  successor_id: keyId.nullable(),
  predecessor_id: keyId.nullable(),
  revoked_at: timestamp.nullable(),
  audit_length: z.int().nonnegative(),
  audit_head: sha256Hex.or(z.literal('')),
});
export type ApiKeyRecord = z.infer<typeof apiKeyRecord>;

export const apiKeyUsage = z.object({
  last_used_at: timestamp.nullable(),
  last_used_address: z.string().nullable(),
  /** In how many minutes it was used at all; one in which it came from a new network as well counts twice. */
  minutes_used: z.int().nonnegative(),
});
export type ApiKeyUsage = z.infer<typeof apiKeyUsage>;

export const apiKeyStatus = z.enum(['active', 'rotation_due', 'rotated', 'expired', 'revoked']);
export type ApiKeyStatus = z.infer<typeof apiKeyStatus>;

export const apiKeyView = apiKeyRecord.omit({ sha256: true, audit_length: true, audit_head: true }).extend({
  status: apiKeyStatus,
  ...apiKeyUsage.shape,
});
export type ApiKeyView = z.infer<typeof apiKeyView>;

export const createApiKeyRequest = z.strictObject({
  name: z.string().trim().min(1).max(100),
  /** All that the owner has and a key may have, where it is left out. */
  permissions: z.array(keyPermission).min(1).max(50).optional(),
  resources: keyResources.optional(),
  expires_in_days: z.int().min(1).max(3650).optional(),
});
export type CreateApiKeyRequest = z.infer<typeof createApiKeyRequest>;

/** The one answer that holds the key itself. */
export const createdApiKey = z.object({ key: z.string(), api_key: apiKeyView });
