/**
 * What is done about a threat, by people or of its own accord. Of its own accord nothing may lock out whoever could take it back: no
 * address from which an admin came in lately, not the last admin, and never more at once than the configuration says.
 */
import { ADMIN_ROLE } from '../../contracts/identity.ts';
import type { ResponseKind, ResponseSubject, SecurityResponse, Severity } from '../../contracts/security-event.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { IdentityStore } from '../identity/ports.ts';
import { networkOf } from '../limits/buckets.ts';
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
  readonly identities: Pick<IdentityStore, 'get' | 'admins'>;
  readonly ownerOfKey: (keyId: string) => Promise<string | null>;
  /** Ends every session of the user. */
  readonly endSessions: (userId: string, by: string, reason: string) => Promise<void>;
  /** Has open connections of a user looked at again; never fails. */
  readonly lookAgainAt: (userId: string) => Promise<void>;
}

interface Wanted {
  readonly response_id: string;
  readonly kind: ResponseKind;
  readonly subject: ResponseSubject;
  readonly reason: string;
  readonly severity: Severity;
  readonly minutes: number;
}

/** Puts it in force; whether it may be is asked before. Null when there is one of this id already. */
export async function respond(
  parts: ResponseParts,
  wanted: Wanted,
  by: { readonly actor: string; readonly automatic: boolean },
  now: Date,
): Promise<SecurityResponse | null> {
  const { minutes, ...what } = wanted;
  const draft: SecurityResponse = {
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
  if ((await parts.responses.create(response, record)) === 'exists') return null;
  await carryOut(parts, response);
  return response;
}

/**
 * What a response does besides restricting. It comes after the row, so that nothing is done that is not written down; what fails here is
 * done by the next pass of the watch. Doing it again changes nothing.
 */
export async function carryOut(
  parts: ResponseParts,
  { kind, subject, created_at, created_by, reason }: SecurityResponse,
): Promise<void> {
  if (kind === 'require_sign_in' && subject.user_id !== undefined) {
    const identity = await parts.identities.get(subject.user_id);
    const isEnded = identity?.valid_after !== null && identity !== null && identity.valid_after >= created_at;
    if (!isEnded) await parts.endSessions(subject.user_id, created_by, reason);
    await parts.lookAgainAt(subject.user_id);
  }
  if (kind === 'suspend_key' && subject.key_id !== undefined) {
    const owner = await parts.ownerOfKey(subject.key_id);
    if (owner !== null) await parts.lookAgainAt(owner);
  }
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
const ONESELF = ['127.0.0.1', networkOf('::1'), 'unknown'];

export interface Standing {
  /** Of the last day, in force or not. */
  readonly known: readonly SecurityResponse[];
  /** What somebody took back since then is not done again. */
  readonly since: Date;
  readonly mostAtOnce: number;
}

/** Why nothing is done of its own accord, or null. */
export async function whyNot(
  parts: ResponseParts,
  wanted: Pick<Wanted, 'kind' | 'subject'>,
  { known, since, mostAtOnce }: Standing,
  now: Date,
): Promise<string | null> {
  if (misfit(wanted.kind, wanted.subject) !== null) return 'it is not about such a subject';
  const inForce = known.filter((response) => isInForce(response, now));
  if (inForce.filter(({ automatic }) => automatic).length >= mostAtOnce) return 'as many are in force as there may be';
  const name = subjectName(wanted.subject);
  const isSame = ({ kind, subject }: SecurityResponse): boolean => kind === wanted.kind && subjectName(subject) === name;
  if (inForce.some(isSame)) return 'it is in force already';
  const from = since.toISOString();
  if (known.some((one) => isSame(one) && one.reversed_at !== null && one.reversed_at >= from)) return 'somebody took it back';
  const { address, user_id: userId, key_id: keyId } = wanted.subject;
  if (address !== undefined && ONESELF.includes(address)) return 'it is this machine';
  if (address !== undefined) return (await parts.adminAddresses.has(address, now)) ? 'an admin came from there lately' : null;
  const person = userId ?? (keyId === undefined ? null : await parts.ownerOfKey(keyId));
  const identity = person === null || person === undefined ? null : await parts.identities.get(person);
  if (!identity?.roles.includes(ADMIN_ROLE)) return null;
  // Signed in again, or without this key, an admin can still take it back; slowed down as a person, less so.
  if (userId !== undefined && wanted.kind === 'slow_down') return 'it is about an admin';
  const others = (await parts.identities.admins()).filter((id) => id !== identity.user_id);
  return others.length === 0 ? 'it is about the last admin' : null;
}
