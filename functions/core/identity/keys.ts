/**
 * API keys: made once, shown once, kept as a hash. A key is what its owner is at the moment of each request, less what the key itself
 * leaves out. Pure but for the stores; `verifyKey` takes the same steps whatever came.
 */
import { timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  API_KEY_PATTERN,
  type ApiKeyRecord,
  type ApiKeyStatus,
  type ApiKeyUsage,
  type ApiKeyView,
  type CreateApiKeyRequest,
} from '../../contracts/api-key.ts';
import type { AuditRecord } from '../../contracts/audit.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { Page } from '../page.ts';
import { sha256 } from '../text/json.ts';
import type { Actor } from './actor.ts';
import { mayBeGiven } from './key-scope.ts';

export interface ApiKeyStore {
  get(keyId: string): Promise<ApiKeyRecord | null>;
  create(key: ApiKeyRecord, record: AuditRecord): Promise<void>;
  /** Writes what differs, and the audit record; `conflict` when anybody changed the key since `before` was read. */
  save(before: ApiKeyRecord, after: ApiKeyRecord, record: AuditRecord): Promise<'saved' | 'conflict'>;
  /** The successor's row and the change of its predecessor, both or neither. */
  replace(
    before: ApiKeyRecord,
    after: ApiKeyRecord,
    record: AuditRecord,
    successor: { key: ApiKeyRecord; record: AuditRecord },
  ): Promise<'saved' | 'conflict'>;
  listOf(ownerId: string, limit: number, cursor: string | null): Promise<Page<ApiKeyRecord>>;
  /** Those whose owner is to be told by then that they are due for rotation; the longest due first. */
  dueForRotation(by: Date, limit: number): Promise<ApiKeyRecord[]>;
}

export interface KeyUsageStore {
  /**
   * Remembers a use, at most once a minute and network; must not fail anybody's request. `new_network` when the key was used before, and
   * never from there.
   */
  note(keyId: string, address: string, now: Date): Promise<'noted' | 'new_network'>;
  of(keyIds: readonly string[]): Promise<ReadonlyMap<string, ApiKeyUsage>>;
}

export interface KeySettings {
  readonly auto_rotation_days: number;
  readonly overlap_hours: number;
  /** Keys of one person that can be used. */
  readonly max_per_user: number;
}

const HOUR_MS = 3600_000;
const after = (from: Date, milliseconds: number): string => new Date(from.getTime() + milliseconds).toISOString();
const earliest = (...times: readonly string[]): string => times.toSorted()[0] ?? '';

/** `idDigits` 24 and `secretDigits` 64 random hexadecimal digits. */
export function formatKey(idDigits: string, secretDigits: string): string {
  const body = `alk_${idDigits}_${secretDigits}`;
  return `${body}${checksumOf(body)}`;
}

const checksumOf = (body: string): string => crc32(body).toString(16).padStart(8, '0');

/** The id a key names, or null for what was never one: a slip of the hand is known without asking anybody. */
export function idInKey(text: string): string | null {
  const [, id, , checksum] = API_KEY_PATTERN.exec(text) ?? [];
  return id !== undefined && checksum === checksumOf(text.slice(0, -8)) ? `key_${id}` : null;
}

export function statusOf(key: ApiKeyRecord, now: Date): ApiKeyStatus {
  const at = now.toISOString();
  if (key.revoked_at !== null) return 'revoked';
  if (at >= key.ends_at) return 'expired';
  if (key.successor_id !== null) return 'rotated';
  return at >= key.rotation_due_at ? 'rotation_due' : 'active';
}

export const mayBeUsed = (key: ApiKeyRecord, now: Date): boolean => !['revoked', 'expired'].includes(statusOf(key, now));

export function keyViewOf(key: ApiKeyRecord, usage: ApiKeyUsage | undefined, now: Date): ApiKeyView {
  const { sha256: _, audit_length: __, audit_head: ___, ...shown } = key;
  return { ...shown, status: statusOf(key, now), ...(usage ?? NEVER_USED) };
}

const NEVER_USED: ApiKeyUsage = { last_used_at: null, last_used_address: null, minutes_used: 0 };

interface KeyMaker {
  readonly settings: KeySettings;
  readonly randomHex: (digits: number) => string;
  readonly now: Date;
}

export interface NewKey {
  /** To be shown once. */
  readonly key: string;
  readonly row: ApiKeyRecord;
  readonly record: AuditRecord;
}

export function makeKey(maker: KeyMaker, owner: Actor, request: CreateApiKeyRequest): NewKey {
  const permissions = request.permissions ?? owner.permissions;
  return make(maker, whoOf(owner), {
    owner_id: owner.user_id,
    name: request.name,
    permissions: permissions.filter((permission) => mayBeGiven(permission, request.resources ?? {})),
    resources: request.resources ?? {},
    predecessor_id: null,
    expires_at: request.expires_in_days === undefined ? null : after(maker.now, request.expires_in_days * 24 * HOUR_MS),
  });
}

function make(
  { settings, randomHex, now }: KeyMaker,
  who: Who,
  given: Pick<ApiKeyRecord, 'owner_id' | 'name' | 'permissions' | 'resources' | 'predecessor_id' | 'expires_at'>,
): NewKey {
  const idDigits = randomHex(24);
  const key = formatKey(idDigits, randomHex(64));
  const dueMs = settings.auto_rotation_days * 24 * HOUR_MS;
  const row: ApiKeyRecord = {
    key_id: `key_${idDigits}`,
    ...given,
    sha256: sha256(key),
    created_at: now.toISOString(),
    rotation_due_at: after(now, dueMs),
    rotation_told_at: null,
    ends_at: earliest(
      after(now, dueMs + settings.overlap_hours * HOUR_MS),
      ...(given.expires_at === null ? [] : [given.expires_at]),
    ),
    successor_id: null,
    revoked_at: null,
    ...EMPTY_CHAIN,
  };
  const { record, end } = appendToChain(row.key_id, EMPTY_CHAIN, {
    action: 'key_created',
    actor: who.actor,
    at: now.toISOString(),
    details: {
      ...who.details,
      owner_id: row.owner_id,
      permissions: row.permissions,
      resources: { ...row.resources },
      ends_at: row.ends_at,
      predecessor_id: row.predecessor_id,
    },
  });
  return { key, row: { ...row, ...end }, record };
}

export type RotationOutcome =
  | {
      readonly outcome: 'rotated';
      readonly successor: NewKey;
      readonly before: ApiKeyRecord;
      readonly after: ApiKeyRecord;
      readonly record: AuditRecord;
    }
  | { readonly outcome: 'refused'; readonly detail: string };

/** The successor has the same scope and a life of its own; an end that was asked for when the first was made still holds. */
export function rotateKey(maker: KeyMaker, actor: Actor, before: ApiKeyRecord): RotationOutcome {
  const status = statusOf(before, maker.now);
  if (status === 'rotated') {
    return {
      outcome: 'refused',
      detail: `This key was rotated already; ${before.successor_id} took its place. Rotate that one.`,
    };
  }
  if (status === 'revoked' || status === 'expired')
    return { outcome: 'refused', detail: `This key is ${status}. Make a new one.` };
  const { owner_id, name, permissions, resources, expires_at } = before;
  const who = whoOf(actor);
  const successor = make(maker, who, { owner_id, name, permissions, resources, predecessor_id: before.key_id, expires_at });
  const changed = {
    ...before,
    successor_id: successor.row.key_id,
    ends_at: earliest(before.ends_at, after(maker.now, maker.settings.overlap_hours * HOUR_MS)),
  };
  const { record, end } = appendToChain(before.key_id, before, {
    action: 'key_rotated',
    actor: who.actor,
    at: maker.now.toISOString(),
    details: { ...who.details, successor_id: successor.row.key_id, ends_at: changed.ends_at },
  });
  return { outcome: 'rotated', successor, before, after: { ...changed, ...end }, record };
}

/** Null when there is nothing to do. */
export function revokeKey(before: ApiKeyRecord, actor: Actor, now: Date): KeyChange | null {
  if (before.revoked_at !== null) return null;
  const at = now.toISOString();
  const { record, end } = appendToChain(before.key_id, before, { action: 'key_revoked', ...whoOf(actor), at });
  return { after: { ...before, revoked_at: at, ...end }, record };
}

export interface KeyChange {
  readonly after: ApiKeyRecord;
  readonly record: AuditRecord;
}

interface Who {
  readonly actor: string;
  readonly details: { readonly with_key?: string };
}

/** Where a key did something, the record says which. */
const whoOf = ({ user_id, credential }: Actor): Who => ({
  actor: user_id,
  details: credential.kind === 'api_key' ? { with_key: credential.key_id } : {},
});

/** What no key's hash is. */
const NO_HASH = '0'.repeat(64);
const NOBODY = 'nobody';

/**
 * The key's row and its owner, or null. A key that is not known, of the wrong secret, revoked or expired, and one whose owner may do
 * nothing: each takes the same reads and one hash.
 */
export async function verifyKey(
  stores: {
    readonly keys: Pick<ApiKeyStore, 'get'>;
    readonly identities: { get(userId: string): Promise<IdentityRecord | null> };
  },
  text: string,
  now: Date,
): Promise<{ key: ApiKeyRecord; owner: IdentityRecord } | null> {
  const id = idInKey(text);
  if (id === null) return null;
  const key = await stores.keys.get(id);
  const owner = await stores.identities.get(key?.owner_id ?? NOBODY);
  const isRight = timingSafeEqual(Buffer.from(sha256(text)), Buffer.from(key?.sha256 ?? NO_HASH));
  if (!key || !owner || !isRight || owner.disabled || !mayBeUsed(key, now)) return null;
  return { key, owner };
}
