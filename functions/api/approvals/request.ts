import type { Approval } from '../../contracts/approval.ts';
import type { requestApproval as requestRoute } from '../../contracts/routes/approvals.ts';
import { writeOpened } from '../../core/approval/open.ts';
import { prepareOperation } from '../../core/approval/operation.ts';
import type { ApprovalStore, OperationKeys } from '../../core/approval/ports.ts';
import type { Clock } from '../../core/clock.ts';
import type { ObjectStore } from '../../core/execution/ports.ts';
import type { IdentityStore } from '../../core/identity/ports.ts';
import type { Configuration } from '../../core/policy/configuration.ts';
import type { ApiRequest } from '../../runtime/api-handler.ts';
import { ApiError } from '../../runtime/errors.ts';
import { idempotencyKeyOf } from '../../runtime/idempotency.ts';
import { ids } from '../../runtime/system.ts';

interface Parts {
  readonly approvals: Pick<ApprovalStore, 'create' | 'get'>;
  readonly identities: Pick<IdentityStore, 'get'>;
  readonly objects: Pick<ObjectStore, 'put'>;
  readonly operationKeys: OperationKeys;
  readonly configuration: Configuration;
  readonly clock: Clock;
}

/** The bytes lie there before the request names them; a repeat that finds less than all of it writes the rest. */
export async function requestApproval(parts: Parts, request: ApiRequest<typeof requestRoute>): Promise<Approval> {
  const { actor, body } = request;
  const now = parts.clock.now();
  const key = idempotencyKeyOf(request);
  const owner = actor.owner_id === null ? null : await parts.identities.get(actor.owner_id);
  if (actor.owner_id !== null && !owner) throw new ApiError('forbidden', 'Nobody is known who answers for this agent.');
  const prepare = (approvalId: string) => {
    const prepared = prepareOperation(body, { actor, owner, configuration: parts.configuration, approvalId, now });
    if (prepared.outcome === 'forbidden') throw new ApiError('forbidden', prepared.detail);
    if (prepared.outcome === 'invalid')
      throw new ApiError('validation_failed', 'The request asks for what is not offered.', { errors: prepared.errors });
    return prepared;
  };
  const fresh = `apr_${ids.uuid()}`;
  // Before its key is used up: what is refused may be sent again.
  const first = prepare(fresh);
  const approvalId = key ? await parts.operationKeys.claim(key, fresh, now) : fresh;
  if (approvalId === null)
    throw new ApiError(
      'idempotency_mismatch',
      'This Idempotency-Key came with another request before. Use a new key for a new request.',
    );
  const { approval, bytes } = approvalId === fresh ? first : prepare(approvalId);
  const known = approvalId === fresh ? null : await parts.approvals.get(approvalId);
  if (known) return known;
  await parts.objects.put(approval.manifest_key, bytes, 'application/json');
  await writeOpened(parts.approvals, approval, null, now);
  const row = await parts.approvals.get(approvalId);
  if (!row) throw new Error(`the request ${approvalId} vanished after it was written`);
  return row;
}
