/**
 * The gate. Whether a ticket may be signed is answered from the stored manifest, the approval's own row and the rules in force now,
 * never from what the caller says: its input is three ids.
 */
import type { Approval, RiskLevel } from '../../contracts/approval.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { TicketClaims } from '../../contracts/ticket.ts';
import { TICKET_MAX_LIFETIME_SECONDS } from '../../contracts/ticket.ts';
import type { ApprovalStore } from '../approval/ports.ts';
import type { Clock, Ids } from '../clock.ts';
import type { IdentityStore } from '../identity/ports.ts';
import { isApprovalRequired } from '../policy/approval-requirement.ts';
import type { Configuration } from '../policy/configuration.ts';
import { isBlocked, review } from '../policy/review.ts';
import { ManifestUnreadable, readManifest } from './manifest.ts';
import type { ExecutionStore, ObjectStore } from './ports.ts';

export interface GateParts {
  readonly executions: ExecutionStore;
  readonly approvals: Pick<ApprovalStore, 'get'>;
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
  const basis = basisFor(parts.configuration, { manifest, digest: row.digest, level, approval, requester });
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

function basisFor(
  configuration: Configuration,
  facts: { manifest: Manifest; digest: string; level: RiskLevel; approval: Approval | null; requester: IdentityRecord },
): TicketClaims['basis'] | null {
  const { manifest, digest, level, approval, requester } = facts;
  if (approval?.status === 'approved' && approval.digest === digest && approval.execution_id === manifest.execution_id) {
    return { kind: 'approval', approval_id: approval.approval_id };
  }
  const requirement = isApprovalRequired({
    configuration,
    profile: manifest.profile.name,
    approvalRequested: manifest.approval_requested,
    timeoutSeconds: manifest.timeout_seconds,
    network: manifest.network,
    trustedAgent: requester.trusted_agent,
    riskLevel: level,
  });
  return requirement.required ? null : { kind: 'rule', rule: requirement.rule };
}
