import type { Approval, ApprovalVersion, DecisionRequest } from '../contracts/approval.ts';
import { type ChangeOutcome, type DecisionContext, decide } from '../core/approval/decide.ts';
import type { Person } from '../core/approval/eligibility.ts';
import type { ApprovalStore } from '../core/approval/ports.ts';
import { grant, grantedBy } from '../core/approval/standing.ts';
import { isOfRun, tighten } from '../core/approval/versions.ts';
import type { Clock } from '../core/clock.ts';
import { readManifest } from '../core/execution/manifest.ts';
import type { ObjectStore } from '../core/execution/ports.ts';
import type { IdentityStore } from '../core/identity/ports.ts';
import { ApiError } from './errors.ts';

interface Parts {
  readonly approvals: Pick<ApprovalStore, 'getStanding'>;
  readonly identities: Pick<IdentityStore, 'get'>;
  readonly objects: Pick<ObjectStore, 'get' | 'put'>;
  readonly clock: Clock;
}

/** By which way the person came, and whether they showed more than a password. */
type How = Required<Pick<DecisionContext, 'channel' | 'secondFactor'>>;

/** A decision with everything it looks up: the people in whose place it may be made, the version its conditions make, what it grants. */
export function decision(parts: Parts) {
  return async (request: Approval, person: Person, wanted: DecisionRequest, how: How): Promise<ChangeOutcome> => {
    const now = parts.clock.now();
    const delegators = await delegatorsOf(parts.identities, request);
    const made = await madeBy(parts, request, person, wanted, now);
    const outcome = decide(request, person, wanted, now, {
      delegators,
      ...how,
      ...(made ? { tightened: made.version } : {}),
    });
    if (outcome.outcome === 'refused') return outcome;
    // Before the row names it: whoever reads the row finds the object.
    if (made) await parts.objects.put(made.version.manifest_key, made.manifestBytes, 'application/json');
    const { next } = outcome.change;
    if (next.status !== 'approved' || next.execution_id === null || !next.rule.standing_approvals) return outcome;
    const { manifest } = await readManifest(parts.objects, keyOf(next, next.approved_digest), next.approved_digest);
    const granted = grantedBy(next, manifest, now);
    if (!granted) return outcome;
    const before = await parts.approvals.getStanding(granted.standing_approval_id);
    return { ...outcome, change: { ...outcome.change, standing: grant(before, granted, person.user_id) } };
  };
}

/** The people who handed their places on, as they are now. */
export async function delegatorsOf(identities: Parts['identities'], request: Approval): Promise<Person[]> {
  const found = await Promise.all(request.delegations.map((delegation) => identities.get(delegation.from.user_id)));
  return found.flatMap((identity) => (identity && !identity.disabled ? [identity] : []));
}

/** What the conditions make of the version shown; null without conditions, or when the digest is of no version. */
async function madeBy(
  parts: Parts,
  request: Approval,
  person: Person,
  { conditions, digest }: DecisionRequest,
  now: Date,
): Promise<{ version: ApprovalVersion; manifestBytes: Uint8Array } | null> {
  const shown = request.versions.find((version) => version.digest === digest);
  if (!conditions || !shown || !isOfRun(shown)) return null;
  const { manifest } = await readManifest(parts.objects, shown.manifest_key, shown.digest);
  const { user_id, email } = person;
  const made = tighten(shown, manifest, conditions, { user_id, email }, { version: request.versions.length + 1, now });
  if ('errors' in made) throw new ApiError('validation_failed', 'Conditions may only lower limits.', { errors: made.errors });
  return made;
}

const keyOf = (request: Approval, digest: string): string =>
  request.versions.find((version) => version.digest === digest)?.manifest_key ?? request.manifest_key;
