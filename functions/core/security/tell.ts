/**
 * Who hears of a response that was made of its own accord: the admins, who can take it back, and whoever lost a session or a key by it.
 * The record and the alarm are there besides; a mail that cannot be sent is told to whoever runs this, and is not sent again.
 */
import type { ResponseKind, SecurityResponse } from '../../contracts/security-event.ts';
import type { IdentityStore } from '../identity/ports.ts';
import type { Email } from '../notification/email.ts';
import { shown } from '../notification/shown.ts';
import { html } from '../text/html.ts';
import { subjectName } from './responses.ts';

export interface TellingParts {
  readonly identities: Pick<IdentityStore, 'get' | 'admins'>;
  readonly ownerOfKey: (keyId: string) => Promise<string | null>;
  /** Throws what failed; null: nobody set up mail. */
  readonly mail: ((to: string, email: Email) => Promise<void>) | null;
  readonly onUnsent: (userId: string, error: unknown) => void;
}

const MOST_ADMINS = 20;
const TEXT_MAX = 200;

/** One mail to each person, whatever there is to say; answers with how many could not be sent. */
export async function tellOfResponses(parts: TellingParts, made: readonly SecurityResponse[]): Promise<number> {
  const { mail, identities } = parts;
  if (!mail || made.length === 0) return 0;
  const mails = new Map<string, Email>();
  for (const response of made) {
    const lost = LOST[response.kind];
    const person = lost && (await personOf(parts, response));
    if (lost && person) mails.set(person, mailOf('Something was done to protect your account', lost, [response], false));
  }
  const admins = (await identities.admins()).slice(0, MOST_ADMINS);
  const lead = 'Airlock noticed something and did this of its own accord. It ends by itself, and you can take it back before.';
  for (const admin of admins) mails.set(admin, mailOf(titleOf(made), lead, made, true));
  let unsent = 0;
  for (const [userId, email] of mails) {
    const person = await identities.get(userId);
    if (!person || person.email === '' || person.disabled) continue;
    try {
      await mail(person.email, email);
    } catch (error) {
      unsent += 1;
      parts.onUnsent(userId, error);
    }
  }
  return unsent;
}

/** What somebody lost by it; whoever is merely slowed down is told so by every answer. */
const LOST: Partial<Record<ResponseKind, string>> = {
  require_sign_in: 'Your sessions were ended. Sign in again; if it was not you who was active lately, tell an admin.',
  suspend_key:
    'A key of yours does not work for now. If it may be in other hands, revoke it; otherwise an admin can let it work again.',
};

const personOf = async ({ ownerOfKey }: TellingParts, { subject }: SecurityResponse): Promise<string | null> =>
  subject.user_id ?? (subject.key_id === undefined ? null : await ownerOfKey(subject.key_id));

const titleOf = (made: readonly SecurityResponse[]): string =>
  made.length === 1 ? 'A response to a threat was made' : `${made.length} responses to threats were made`;

function mailOf(title: string, lead: string, made: readonly SecurityResponse[], withReason: boolean): Email {
  const lines = made.map(({ kind, subject, severity, reason, ends_at, response_id }) => {
    const what = `${kind.replaceAll('_', ' ')}: ${shown(subjectName(subject), TEXT_MAX)}, until ${ends_at}`;
    if (!withReason) return what;
    return `${what}. Severity ${severity}: ${shown(reason, TEXT_MAX)}. To take it back: POST /api/v1/security/responses/${response_id}/reverse`;
  });
  return {
    subject: title,
    text: `${lead}\n\n${lines.join('\n')}\n`,
    html: html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${title}</title></head>
<body><main><h1>${title}</h1><p>${lead}</p><ul>${lines.map((line) => html`<li>${line}</li>`)}</ul></main></body></html>
`.html,
  };
}
