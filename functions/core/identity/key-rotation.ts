/**
 * The owner of a key that is due for rotation is told: by mail, where mail is sent, and once. The key's row says when, and its audit chain
 * holds the record.
 */
import type { ApiKeyRecord } from '../../contracts/api-key.ts';
import { appendToChain } from '../audit/chain.ts';
import type { Email } from '../notification/email.ts';
import { shown } from '../notification/shown.ts';
import { html } from '../text/html.ts';
import type { ApiKeyStore, KeyChange } from './keys.ts';
import type { IdentityStore } from './ports.ts';

/** Whether there will be something to say. One that ends before it is due, was rotated or revoked needs no rotation. */
export const isWatched = (key: ApiKeyRecord): boolean =>
  key.rotation_told_at === null && key.successor_id === null && key.revoked_at === null && key.rotation_due_at < key.ends_at;

/** Null where there is nothing to say, or not yet. A key that ended meanwhile is told of as well: its owner should know why. */
export function tellOfRotation(before: ApiKeyRecord, now: Date): KeyChange | null {
  const at = now.toISOString();
  if (!isWatched(before) || at < before.rotation_due_at) return null;
  const { record, end } = appendToChain(before.key_id, before, {
    action: 'key_rotation_due',
    actor: 'airlock',
    at,
    details: { owner_id: before.owner_id, ends_at: before.ends_at },
  });
  return { after: { ...before, rotation_told_at: at, ...end }, record };
}

export interface TellingParts {
  readonly keys: Pick<ApiKeyStore, 'dueForRotation' | 'save'>;
  readonly identities: Pick<IdentityStore, 'get'>;
  /** Throws what failed; null: nobody set up mail, and the record is all there is. */
  readonly mail: ((to: string, email: Email) => Promise<void>) | null;
  readonly onUnsent: (keyId: string, error: unknown) => void;
}

const AT_ONCE = 100;
const NAME_MAX = 100;

/**
 * Mail first, then the record: whoever dies in between tells twice, and nobody is told never. What cannot be sent is tried again the next
 * hour, for as long as the key works. A key that somebody changes at the same moment is looked at again as well.
 */
export async function tellOwners({ keys, identities, mail, onUnsent }: TellingParts, now: Date): Promise<string[]> {
  const told: string[] = [];
  for (const before of await keys.dueForRotation(now, AT_ONCE)) {
    const change = tellOfRotation(before, now);
    if (!change) continue;
    const owner = await identities.get(before.owner_id);
    if (mail && owner && owner.email !== '' && !owner.disabled) {
      try {
        await mail(owner.email, rotationMail(before));
      } catch (error) {
        onUnsent(before.key_id, error);
        if (now.toISOString() < before.ends_at) continue;
      }
    }
    if ((await keys.save(before, change.after, change.record)) === 'saved') told.push(before.key_id);
  }
  return told;
}

export function rotationMail({ key_id, name, ends_at }: ApiKeyRecord): Email {
  const title = `Your API key "${shown(name, NAME_MAX)}" is due for rotation`;
  const lead = `It works until ${ends_at}. Sign in and rotate it, put the new key where the old one is used, then revoke the old one.`;
  const how = `POST /api/v1/api-keys/${key_id}/rotate`;
  return {
    subject: title,
    text: `${lead}\n\n${how}\n\nNobody asks you for the key itself.\n`,
    html: html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${title}</title></head>
<body><main><h1>${title}</h1><p>${lead}</p><p><code>${how}</code></p><p>Nobody asks you for the key itself.</p></main></body></html>
`.html,
  };
}
