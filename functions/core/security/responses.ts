/**
 * What is done about a threat, by people or of its own accord. Of its own accord nothing may lock out whoever could take it back: no
 * address from which an admin came in lately, no admin, and never more at once than the configuration says.
 */
import { ADMIN_ROLE, type IdentityRecord } from '../../contracts/identity.ts';
import type { ResponseKind, ResponseSubject, SecurityResponse, Severity } from '../../contracts/security-event.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { AdminAddresses, SecurityResponseStore } from './ports.ts';

/** The name of a subject, under which what holds for it is kept. */
export const subjectName = ({ user_id, key_id, address }: ResponseSubject): string =>
  user_id !== undefined ? `user ${user_id}` : key_id !== undefined ? `key ${key_id}` : `address ${address}`;

const FITS: Readonly<Record<ResponseKind, readonly (keyof ResponseSubject)[]>> = {
  slow_down: ['user_id', 'key_id', 'address'],
  require_sign_in: ['user_id'],
  suspend_key: ['key_id'],
  block_address: ['address'],
};

/** Which subject a kind is about, where the one given does not fit; null when it does. */
export function misfit(kind: ResponseKind, subject: ResponseSubject): string | null {
  const fits = FITS[kind].some((name) => subject[name] !== undefined);
  return fits ? null : FITS[kind].join(' or ');
}

export interface ResponseParts {
  readonly responses: SecurityResponseStore;
  readonly adminAddresses: AdminAddresses;
  readonly identities: { get(userId: string): Promise<IdentityRecord | null> };
  readonly ownerOfKey: (keyId: string) => Promise<string | null>;
  /** Ends every session of the user. */
  readonly endSessions: (userId: string, by: string, reason: string) => Promise<void>;
  readonly uuid: () => string;
}

interface Wanted {
  readonly kind: ResponseKind;
  readonly subject: ResponseSubject;
  readonly reason: string;
  readonly severity: Severity;
  readonly minutes: number;
}

/** Puts it in force; whether it may be is asked before. */
export async function respond(
  parts: ResponseParts,
  wanted: Wanted,
  by: { readonly actor: string; readonly automatic: boolean },
  now: Date,
): Promise<SecurityResponse> {
  const { minutes, ...what } = wanted;
  const draft: SecurityResponse = {
    response_id: `rsp_${parts.uuid()}`,
    ...what,
    automatic: by.automatic,
    created_by: by.actor,
    created_at: now.toISOString(),
    ends_at: new Date(now.getTime() + minutes * 60_000).toISOString(),
    reversed_at: null,
    reversed_by: null,
    ...EMPTY_CHAIN,
  };
  const details = { kind: draft.kind, subject: subjectName(draft.subject), reason: draft.reason, ends_at: draft.ends_at };
  const { record, end } = appendToChain(draft.response_id, EMPTY_CHAIN, {
    action: 'responded',
    actor: by.actor,
    at: draft.created_at,
    details: { ...details, automatic: by.automatic },
  });
  const response = { ...draft, ...end };
  await parts.responses.create(response, record);
  if (wanted.kind === 'require_sign_in' && wanted.subject.user_id !== undefined)
    await parts.endSessions(wanted.subject.user_id, by.actor, wanted.reason);
  return response;
}

export async function reverse(
  responses: SecurityResponseStore,
  before: SecurityResponse,
  by: { readonly actor: string; readonly reason: string },
  now: Date,
): Promise<SecurityResponse | 'conflict'> {
  if (before.reversed_at !== null) return before;
  const at = now.toISOString();
  const draft = { action: 'reversed', actor: by.actor, at, details: { reason: by.reason } };
  const { record, end } = appendToChain(before.response_id, before, draft);
  const after = { ...before, reversed_at: at, reversed_by: by.actor, ...end };
  return (await responses.reverse(before, after, record)) === 'saved' ? after : 'conflict';
}

export const isInForce = ({ ends_at: endsAt, reversed_at: reversedAt }: SecurityResponse, now: Date): boolean =>
  reversedAt === null && now.toISOString() < endsAt;

/** Behind the front door nobody else has these. */
const ONESELF = ['127.0.0.1', 'unknown'];

/** Why nothing is done of its own accord, or null. */
export async function whyNot(
  parts: ResponseParts,
  wanted: Pick<Wanted, 'kind' | 'subject'>,
  inForce: readonly SecurityResponse[],
  mostAtOnce: number,
  now: Date,
): Promise<string | null> {
  if (misfit(wanted.kind, wanted.subject) !== null) return 'it is not about such a subject';
  if (inForce.filter(({ automatic }) => automatic).length >= mostAtOnce) return 'as many are in force as there may be';
  const name = subjectName(wanted.subject);
  if (inForce.some(({ kind, subject }) => kind === wanted.kind && subjectName(subject) === name)) return 'it is in force already';
  const { address, user_id: userId, key_id: keyId } = wanted.subject;
  if (address !== undefined && ONESELF.includes(address)) return 'it is this machine';
  if (address !== undefined) return (await parts.adminAddresses.has(address, now)) ? 'an admin came from there lately' : null;
  const person = userId ?? (keyId === undefined ? null : await parts.ownerOfKey(keyId));
  const identity = person === null || person === undefined ? null : await parts.identities.get(person);
  return identity?.roles.includes(ADMIN_ROLE) ? 'it is about an admin' : null;
}
