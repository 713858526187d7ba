/** Permission in advance for the same thing again: the same content, for the same person and team, counted or until a time. */
import type { Approval, StandingApproval, StandingGrant } from '../../contracts/approval.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { type AuditDraft, appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { canonicalJson, sha256 } from '../text/json.ts';
import { nameOf, type Person } from './eligibility.ts';
import type { StandingChange } from './ports.ts';

const DAY_MS = 86_400_000;

/** Everything in the manifest but the execution's own id: what makes two runs the same run. */
export function contentDigestOf(manifest: Manifest): string {
  const { execution_id: _, ...content } = manifest;
  return sha256(`airlock.content.v1\n${canonicalJson(content)}`);
}

/** Of one content, person and team there is one standing approval; the newest grant takes the place of the one before. */
export const standingIdOf = (contentDigest: string, owner: string, team: string | null): string =>
  `std_${sha256(canonicalJson({ contentDigest, owner, team }))}`;

/** What is wrong with wanting this; null when the rule allows it. */
export function grantProblem(request: Approval, grant: StandingGrant, now: Date): string | null {
  const limits = request.rule.standing_approvals;
  if (!limits) return 'The rule allows no standing approvals.';
  if (request.execution_id === null) return 'Only runs can be agreed to in advance.';
  if (grant.runs !== undefined && grant.runs > limits.max_runs) return `The rule allows at most ${limits.max_runs} runs.`;
  if (grant.until === undefined) return null;
  if (grant.until <= now.toISOString()) return 'The standing approval would have ended already.';
  const latest = new Date(now.getTime() + limits.max_days * DAY_MS).toISOString();
  return grant.until > latest ? `The rule allows standing approvals until ${latest} at the latest.` : null;
}

/**
 * What the decisions of an approved request grant: nothing unless every one that counted says so, and then what all of them allow. A
 * denial that was outvoted grants nothing either.
 */
export function grantedBy(request: Approval, manifest: Manifest, now: Date): StandingApproval | null {
  const limits = request.rule.standing_approvals;
  if (request.status !== 'approved' || request.standing_approval_id !== null || !limits) return null;
  const counted = request.decisions.filter((made) => made.decision === 'deny' || made.digest === request.approved_digest);
  const grants = counted.flatMap((made) => (made.standing ? [made.standing] : []));
  if (grants.length === 0 || grants.length < counted.length) return null;
  const runs = Math.min(...grants.map((grant) => grant.runs ?? Number.POSITIVE_INFINITY));
  const latest = new Date(now.getTime() + limits.max_days * DAY_MS).toISOString();
  const until = [latest, ...grants.flatMap((grant) => grant.until ?? [])].sort()[0] ?? latest;
  const contentDigest = contentDigestOf(manifest);
  return {
    standing_approval_id: standingIdOf(contentDigest, request.requester.user_id, request.team),
    status: 'standing',
    content_digest: contentDigest,
    owner: request.requester,
    team: request.team,
    summary: request.summary,
    granted_by: request.approval_id,
    granted_at: now.toISOString(),
    runs_left: Math.min(runs, limits.max_runs),
    until,
    revoked: null,
    ...EMPTY_CHAIN,
  };
}

/** Whether it covers this content now, for whoever holds it. */
export function covers(
  standing: StandingApproval,
  run: { readonly content_digest: string; readonly owner_id: string; readonly team: string | null },
  now: Date,
): boolean {
  return (
    standing.status === 'standing' &&
    standing.content_digest === run.content_digest &&
    standing.owner.user_id === run.owner_id &&
    standing.team === run.team &&
    now.toISOString() < standing.until
  );
}

/** The grant as a change of what was granted for the same before, if anything was. */
export function grant(before: StandingApproval | null, granted: StandingApproval, by: string): StandingChange {
  const { record, end } = appendToChain(granted.standing_approval_id, before ?? EMPTY_CHAIN, {
    action: 'granted',
    actor: by,
    at: granted.granted_at,
    details: { granted_by: granted.granted_by, runs: granted.runs_left, until: granted.until },
  });
  return { before, after: { ...granted, ...end }, record };
}

/** One run fewer, with the record of it; null when none is left. */
export function use(standing: StandingApproval, executionId: string, now: Date): StandingChange | null {
  if (standing.runs_left === 0) return null;
  const left = standing.runs_left - 1;
  return changed(
    standing,
    { ...standing, runs_left: left },
    {
      action: 'used',
      actor: standing.owner.user_id,
      at: now.toISOString(),
      details: { execution_id: executionId, runs_left: left },
    },
  );
}

export function revoke(standing: StandingApproval, by: Person, reason: string | null, now: Date): StandingChange | null {
  if (standing.status === 'revoked') return null;
  const at = now.toISOString();
  return changed(
    standing,
    { ...standing, status: 'revoked', revoked: { by: nameOf(by), at } },
    { action: 'revoked', actor: by.user_id, at, details: { reason } },
  );
}

function changed(before: StandingApproval, after: StandingApproval, draft: AuditDraft): StandingChange {
  const { record, end } = appendToChain(before.standing_approval_id, before, draft);
  return { before, after: { ...after, ...end }, record };
}
