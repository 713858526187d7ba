/**
 * The gate. Whether a ticket may be signed is answered from the stored manifest, the approval's own row and the rules in force now,
 * never from what the caller says: its input is three ids.
 */
import type { Approval } from '../../contracts/approval.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import type { TicketClaims } from '../../contracts/ticket.ts';
import { TICKET_MAX_LIFETIME_SECONDS } from '../../contracts/ticket.ts';
import type { ApprovalStore } from '../approval/ports.ts';
import { factsOfRun, ruleFor } from '../approval/rule.ts';
import { contentDigestOf } from '../approval/standing.ts';
import { isTighterManifest } from '../approval/versions.ts';
import type { Clock, Ids } from '../clock.ts';
import type { IdentityStore } from '../identity/ports.ts';
import { isApprovalRequired } from '../policy/approval-requirement.ts';
import type { Configuration } from '../policy/configuration.ts';
import { isBlocked, review } from '../policy/review.ts';
import { ManifestUnreadable, readManifest } from './manifest.ts';
import type { ExecutionStore, ObjectStore } from './ports.ts';

export interface GateParts {
  readonly executions: ExecutionStore;
  readonly approvals: Pick<ApprovalStore, 'get' | 'getStanding'>;
  readonly identities: Pick<IdentityStore, 'get'>;
  readonly objects: Pick<ObjectStore, 'get'>;
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly ids: Ids;
}

export type GateAnswer = { readonly claims: TicketClaims } | { readonly refused: string };

export async function mayRun(
  parts: GateParts,
  input: { execution_id: string; attempt: number; sandbox_id: string },
): Promise<GateAnswer> {
  const row = await parts.executions.get(input.execution_id);
  if (!row) return { refused: 'there is no such execution' };
  if (row.attempt !== input.attempt) return { refused: 'another attempt serves the execution' };
  if (row.phase !== 'starting' || row.sandbox_id !== input.sandbox_id)
    return { refused: 'the execution does not hold this sandbox' };
  if (row.cancel_requested) return { refused: 'the execution was cancelled' };

  const [stored, approval, requester] = await Promise.all([
    readManifest(parts.objects, row.manifest_key, row.digest).catch((error: unknown) => {
      if (error instanceof ManifestUnreadable) return null;
      throw error;
    }),
    row.approval.approval_id ? parts.approvals.get(row.approval.approval_id) : null,
    parts.identities.get(row.requester.user_id),
  ]);
  if (!requester || requester.disabled) return { refused: 'whoever asked for this may do nothing here any more' };
  if (!stored) return { refused: 'the stored manifest is not the one this execution was submitted with' };
  const { manifest } = stored;
  if (manifest.execution_id !== row.execution_id || manifest.requester_id !== row.requester.user_id) {
    return { refused: 'the manifest belongs to another execution' };
  }

  const { level } = review(parts.configuration, manifest);
  if (isBlocked(parts.configuration, level)) return { refused: `the rules in force do not run code of the risk ${level}` };
  const basis =
    (await approvalBasis(parts, { manifest, digest: row.digest, approval })) ??
    ruleBasis(parts.configuration, { manifest, team: row.team ?? null, level, requester, time: new Date(row.created_at) });
  if (!basis) return { refused: 'a human has to approve this first' };

  const issuedAt = Math.floor(parts.clock.now().getTime() / 1000);
  return {
    claims: {
      jti: parts.ids.uuid(),
      execution_id: row.execution_id,
      attempt: row.attempt,
      aud: input.sandbox_id,
      digest: row.digest,
      basis,
      iat: issuedAt,
      exp: issuedAt + TICKET_MAX_LIFETIME_SECONDS,
    },
  };
}

/** An approved request on exactly this digest, which is what was submitted, or that with tighter limits. */
async function approvalBasis(
  parts: GateParts,
  { manifest, digest, approval }: { manifest: Manifest; digest: string; approval: Approval | null },
): Promise<TicketClaims['basis'] | null> {
  if (approval?.status !== 'approved' || approval.approved_digest !== digest) return null;
  if (approval.execution_id !== manifest.execution_id) return null;
  if (digest !== approval.digest && !(await isTighterThanSubmitted(parts, manifest, approval))) return null;
  if (approval.standing_approval_id !== null && !(await stillStands(parts, manifest, approval.standing_approval_id))) return null;
  return { kind: 'approval', approval_id: approval.approval_id };
}

async function isTighterThanSubmitted(
  parts: GateParts,
  manifest: Manifest,
  { manifest_key, digest }: Approval,
): Promise<boolean> {
  const submitted = await readManifest(parts.objects, manifest_key, digest).catch((error: unknown) => {
    if (error instanceof ManifestUnreadable) return null;
    throw error;
  });
  return submitted !== null && isTighterManifest(manifest, submitted.manifest);
}

/** One that was revoked since lets nothing run any more. */
async function stillStands(parts: GateParts, manifest: Manifest, standingId: string): Promise<boolean> {
  const standing = await parts.approvals.getStanding(standingId);
  return standing?.status === 'standing' && standing.content_digest === contentDigestOf(manifest);
}

function ruleBasis(
  configuration: Configuration,
  facts: { manifest: Manifest; team: string | null; level: RiskLevel; requester: IdentityRecord; time: Date },
): TicketClaims['basis'] | null {
  const { manifest, level, requester, time } = facts;
  const { email, roles, teams, trusted_agent } = requester;
  const { autoApproveConditions } = ruleFor(
    configuration,
    'code_execution',
    factsOfRun(configuration, manifest, level, {
      requester: { email, roles, teams, trusted_agent },
      team: facts.team ?? '',
      time,
    }),
  );
  const requirement = isApprovalRequired({
    configuration,
    profile: manifest.profile.name,
    approvalRequested: manifest.approval_requested,
    timeoutSeconds: manifest.timeout_seconds,
    network: manifest.network,
    trustedAgent: trusted_agent,
    autoApproveConditions,
    riskLevel: level,
  });
  return requirement.required ? null : { kind: 'rule', rule: requirement.rule };
}
