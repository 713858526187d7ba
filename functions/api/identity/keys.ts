import { randomBytes } from 'node:crypto';
import type { ApiKeyRecord } from '../../contracts/api-key.ts';
import type * as routes from '../../contracts/routes/api-keys.ts';
import type { Actor } from '../../core/identity/actor.ts';
import { authorize } from '../../core/identity/authorize.ts';
import { refusedScope } from '../../core/identity/key-scope.ts';
import {
  type ApiKeyStore,
  type KeySettings,
  type KeyUsageStore,
  keyViewOf,
  makeKey,
  mayBeUsed,
  revokeKey,
  rotateKey,
} from '../../core/identity/keys.ts';
import type { Page } from '../../core/page.ts';
import type { ApiAnswer, ApiRequest } from '../../runtime/api-handler.ts';
import { ApiError, refuseCursor } from '../../runtime/errors.ts';

export interface KeyParts {
  readonly keys: ApiKeyStore;
  readonly usage: KeyUsageStore;
  readonly settings: KeySettings;
  /** The names of those that code can be run in. */
  readonly environments: readonly string[];
  readonly now: () => Date;
  readonly lookAgainAt: (userId: string) => Promise<void>;
}

const randomHex = (digits: number): string => randomBytes(digits / 2).toString('hex');
const makerOf = ({ settings, now }: KeyParts) => ({ settings, randomHex, now: now() });

const notFound = (): ApiError => new ApiError('not_found', 'There is no such resource, or it is not yours.');

const isItself = ({ credential }: Actor, keyId: string): boolean => credential.kind === 'api_key' && credential.key_id === keyId;
const isKey = (actor: Actor): boolean => actor.credential.kind === 'api_key';

export async function createApiKey(
  parts: KeyParts,
  { actor, body }: ApiRequest<typeof routes.createApiKey>,
): Promise<ApiAnswer<typeof routes.createApiKey>> {
  // One that leaked must not be able to make others that outlive it.
  if (isKey(actor)) throw new ApiError('forbidden', 'Sign in to make a key: no key makes others.');
  const errors = refusedScope(actor, body, parts.environments);
  if (errors.length > 0) throw new ApiError('validation_failed', 'A key never may more than its owner.', { errors });
  await refuseTooMany(parts, actor.user_id);
  const made = makeKey(makerOf(parts), actor, body);
  await parts.keys.create(made.row, made.record);
  return { status: 201, body: { key: made.key, api_key: keyViewOf(made.row, undefined, parts.now()) } };
}

export async function listApiKeys(
  parts: KeyParts,
  { actor, query }: ApiRequest<typeof routes.listApiKeys>,
): Promise<ApiAnswer<typeof routes.listApiKeys>> {
  const ownerId = query.user_id ?? actor.user_id;
  const isManager = authorize(actor, 'manage_keys');
  if (isKey(actor) && !isManager) throw new ApiError('forbidden', 'For a key this needs the permission manage_keys.');
  // Somebody else's, and those of nobody, are one empty list.
  if (ownerId !== actor.user_id && !isManager) return { status: 200, body: { api_keys: [], next_cursor: null } };
  const page = await parts.keys.listOf(ownerId, query.limit ?? 50, query.cursor ?? null).catch(refuseCursor);
  const usage = await parts.usage.of(page.items.map((key) => key.key_id));
  const now = parts.now();
  return {
    status: 200,
    body: { api_keys: page.items.map((key) => keyViewOf(key, usage.get(key.key_id), now)), next_cursor: page.cursor },
  };
}

export async function rotateApiKey(
  parts: KeyParts,
  { actor, params }: ApiRequest<typeof routes.rotateApiKey>,
): Promise<ApiAnswer<typeof routes.rotateApiKey>> {
  const before = await reachableKey(parts, actor, params.key_id);
  // A key that leaked would outlive its own revocation in a successor.
  if (isKey(actor)) throw new ApiError('forbidden', 'Sign in to rotate a key: no key makes another, also not in its own place.');
  // Whoever rotates is shown the successor: not an admin in place of its owner.
  if (before.owner_id !== actor.user_id)
    throw new ApiError('forbidden', 'Only its owner is shown a key. Revoke this one instead.');
  const rotated = rotateKey(makerOf(parts), actor, before);
  if (rotated.outcome === 'refused') throw new ApiError('conflict', rotated.detail);
  const { successor, after, record } = rotated;
  const saved = await parts.keys.replace(before, after, record, { key: successor.row, record: successor.record });
  if (saved === 'conflict') throw new ApiError('conflict', 'Somebody changed this key at the same moment. Look at it again.');
  return { status: 201, body: { key: successor.key, api_key: keyViewOf(successor.row, undefined, parts.now()) } };
}

/** One too many by two who make keys in the same moment does no harm: the bound is there for the table's sake. */
async function refuseTooMany({ keys, settings, now }: KeyParts, ownerId: string): Promise<void> {
  let usable = 0;
  let cursor: string | null = null;
  do {
    const page: Page<ApiKeyRecord> = await keys.listOf(ownerId, 100, cursor);
    usable += page.items.filter((key) => mayBeUsed(key, now())).length;
    cursor = page.cursor;
  } while (cursor !== null && usable < settings.max_per_user);
  if (usable < settings.max_per_user) return;
  throw new ApiError('conflict', `You have ${usable} keys that can be used, and no more may be. Revoke one first.`);
}

const MAX_TRIES = 4;

export async function revokeApiKey(
  parts: KeyParts,
  { actor, params }: ApiRequest<typeof routes.revokeApiKey>,
): Promise<ApiAnswer<typeof routes.revokeApiKey>> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const before = await reachableKey(parts, actor, params.key_id);
    const change = revokeKey(before, actor, parts.now());
    const isDone = !change || (await parts.keys.save(before, change.after, change.record)) === 'saved';
    if (isDone && change) await parts.lookAgainAt(before.owner_id);
    if (isDone) return { status: 200, body: keyViewOf(change?.after ?? before, undefined, parts.now()) };
  }
  throw new ApiError('unavailable', 'Others change this key right now. Try again.');
}

/** One's own, when one signed in; the very key of the request; anybody's with `manage_keys`, which no narrowed key has. */
async function reachableKey(parts: KeyParts, actor: Actor, keyId: string): Promise<ApiKeyRecord> {
  const key = await parts.keys.get(keyId);
  const isOwn = !isKey(actor) && key?.owner_id === actor.user_id;
  if (!key || !(isItself(actor, keyId) || isOwn || authorize(actor, 'manage_keys'))) throw notFound();
  return key;
}
