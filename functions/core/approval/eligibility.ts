/** Who may decide a request at this moment, and in whose place. Every list that is not there is nobody. */
import type { Approval, Decision, Delegation } from '../../contracts/approval.ts';
import type { Eligibility } from '../../contracts/approval-rule.ts';
import type { ApiErrorCode } from '../../contracts/errors.ts';

interface Named {
  readonly user_id: string;
  readonly email: string;
}

/** Somebody with the roles and teams they have now, never those of an earlier moment. */
export interface Person extends Named {
  readonly roles: readonly string[];
  readonly teams: readonly string[];
  /** Who answers for an agent; null for a person. */
  readonly owner_id: string | null;
}

export const nameOf = ({ user_id, email }: Named): Named => ({ user_id, email });

/** Two accounts of one e-mail address are one person. */
export const isSame = (one: Named, other: Named): boolean =>
  one.user_id === other.user_id || (one.email !== '' && one.email.toLowerCase() === other.email.toLowerCase());

export function isAmong({ roles, groups, people }: Eligibility, person: Person): boolean {
  return (
    person.roles.some((role) => roles.includes(role)) ||
    person.teams.some((team) => groups.includes(team)) ||
    (person.email !== '' && people.some((email) => email.toLowerCase() === person.email.toLowerCase()))
  );
}

/** Those of the stage, and of the levels that have joined it. */
export function eligibleNow({ rule, stage, level }: Pick<Approval, 'rule' | 'stage' | 'level'>): Eligibility {
  const joined = [rule.stages[stage]?.eligible, ...rule.escalation_chain.slice(0, level).map((one) => one.eligible)];
  const all = (key: keyof Eligibility) => [...new Set(joined.flatMap((who) => who?.[key] ?? []))];
  return { roles: all('roles'), groups: all('groups'), people: all('people') };
}

/** Nobody decides on what they asked for, or what their agent asked for; and agents ask, they do not decide. */
export const isExcluded = (request: Approval, person: Person): boolean =>
  person.owner_id !== null ||
  isSame(request.requester, person) ||
  (request.agent_owner !== null && isSame(request.agent_owner, person)) ||
  isAmong(request.rule.excluded, person);

const isGoodAt = (delegation: Delegation, now: Date): boolean =>
  delegation.until === null || now.toISOString() < delegation.until;

/** Those who hold somebody's place now. */
export const delegatesNow = (request: Approval, now: Date): Delegation[] =>
  request.delegations.filter((delegation) => isGoodAt(delegation, now));

/** Who handed their place on for good has none any more. */
const hasGivenAway = (request: Approval, person: Named): boolean =>
  request.delegations.some((delegation) => delegation.until === null && isSame(delegation.from, person));

/** Eligible in their own right. */
export const isEligible = (request: Approval, person: Person): boolean =>
  !isExcluded(request, person) && !hasGivenAway(request, person) && isAmong(eligibleNow(request), person);

/**
 * Whether a decision of this person, or one made in their place, stands in the way of another. Until a version is settled on,
 * agreeing to one does not prevent agreeing to another, tighter one.
 */
export const hasDecided = (request: Approval, person: Named, digest: string): boolean =>
  request.decisions.some((made) => concerns(made, person) && !(isAgreement(made) && isOfAnother(request, made, digest)));

/** Agreed to one version and denied another since: a denial is about the request, and takes the agreement back. */
export const isTakenBack = (request: Approval, made: Decision): boolean =>
  [made.approver, made.on_behalf_of].some(
    (voice) =>
      voice !== null &&
      request.decisions.some((other) => other.decision === 'deny' && other.stage === made.stage && concerns(other, voice)),
  );

const concerns = (made: Decision, person: Named): boolean =>
  isSame(made.approver, person) || (made.on_behalf_of !== null && isSame(made.on_behalf_of, person));
const isAgreement = (made: Decision): boolean => made.decision === 'approve';
const isOfAnother = (request: Approval, made: Decision, digest: string): boolean =>
  request.settled_digest === null && made.digest !== digest;

export type Capacity =
  | { readonly may: true; readonly on_behalf_of: Named | null }
  | { readonly may: false; readonly code: ApiErrorCode; readonly detail: string };

const no = (code: ApiErrorCode, detail: string): Capacity => ({ may: false, code, detail });

/**
 * In whose place this person may decide on this digest. `delegators` are the people who handed places on, as they are now: one who
 * is not among them, or lost what made them eligible, has no place to give.
 */
export function capacityOf(
  request: Approval,
  person: Person,
  digest: string,
  now: Date,
  delegators: readonly Person[],
): Capacity {
  if (isSame(request.requester, person)) return no('forbidden', 'You asked for this, so somebody else must decide.');
  if (request.agent_owner && isSame(request.agent_owner, person))
    return no('forbidden', 'Your agent asked for this, so somebody else must decide.');
  if (person.owner_id !== null) return no('forbidden', 'Agents ask, and people decide.');
  if (isExcluded(request, person)) return no('forbidden', 'The rule excludes you from deciding this.');
  const places = placesFor(request, person, now, delegators);
  if (!isEligible(request, person) && places.length === 0) return no('forbidden', whoIsNeeded(request, person));
  if (hasDecided(request, person, digest)) return no('conflict', 'You have decided already.');
  if (isEligible(request, person)) return { may: true, on_behalf_of: null };
  const free = places.find((from) => !hasDecided(request, from, digest));
  if (!free) return no('conflict', `${places.map((from) => from.email).join(', ')} decided already, or somebody in their place.`);
  return { may: true, on_behalf_of: nameOf(free) };
}

/** Those whose place this person holds now, and who could decide themselves. */
function placesFor(request: Approval, person: Person, now: Date, delegators: readonly Person[]): Named[] {
  return delegatesNow(request, now)
    .filter((delegation) => isSame(delegation.to, person))
    .flatMap((delegation) => {
      const from = delegators.find((known) => known.user_id === delegation.from.user_id);
      const isTheirs = from && !isExcluded(request, from) && isAmong(eligibleNow(request), from);
      return isTheirs ? [nameOf(from)] : [];
    });
}

function whoIsNeeded(request: Approval, person: Person): string {
  if (hasGivenAway(request, person)) return 'You handed this on, so somebody else decides in your place.';
  const { roles, groups, people } = eligibleNow(request);
  const ways = [
    roles.length > 0 ? `one of the roles ${roles.join(', ')}` : '',
    groups.length > 0 ? `one of the groups ${groups.join(', ')}` : '',
    people.length > 0 ? 'being one of the people the rule names' : '',
  ].filter((way) => way !== '');
  return ways.length > 0 ? `Deciding this needs ${ways.join(', or ')}.` : 'The rule makes nobody eligible to decide this.';
}
