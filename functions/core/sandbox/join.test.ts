import { describe, expect, it } from 'vitest';
import { NOW, newExecutionId, openApprovalOf, queuedExecution } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryExecutions, memorySandboxes, memoryTokens } from '../../../test/support/memory/stores.ts';
import type { Approval, ApprovalVersion } from '../../contracts/approval.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { joinLine } from './join.ts';

const record = (id: string) =>
  appendToChain(id, EMPTY_CHAIN, { action: 'made', actor: 'user-1', at: NOW.toISOString(), details: {} }).record;

/** An execution whose machine comes from its approvers, who left the request like this. */
async function comesFrom(decided: (request: Approval, tighter: ApprovalVersion) => Approval) {
  const id = newExecutionId();
  const parts = {
    executions: memoryExecutions(),
    approvals: memoryApprovals(),
    sandboxes: memorySandboxes(),
    tokens: memoryTokens(),
    clock: { now: () => NOW },
    maxConcurrent: 5,
  };
  const { queued_at: _, ...common } = queuedExecution(id);
  await parts.executions.create({ ...common, phase: 'awaiting_approval' }, record(id), null);
  const request = openApprovalOf(id);
  const [first] = request.versions as [ApprovalVersion];
  const tighter = { ...first, version: 2, digest: 'b'.repeat(64), manifest_key: 'manifests/other.json', timeout_seconds: 5 };
  const row = decided({ ...request, versions: [first, tighter] }, tighter);
  await parts.approvals.create(row, record(row.approval_id));
  await joinLine(parts, { execution_id: id, attempt: 1, task_token: 'token' });
  return await parts.executions.get(id);
}

const approvedWith = (digest: string) => (request: Approval) => ({
  ...request,
  status: 'approved' as const,
  closed_at: NOW.toISOString(),
  approved_digest: digest,
  standing_approval_id: null,
});

describe('an execution that joins the line', () => {
  it('takes the version its approvers agreed to with it', async () => {
    expect(await comesFrom(approvedWith('b'.repeat(64)))).toMatchObject({
      phase: 'queued',
      digest: 'b'.repeat(64),
      manifest_key: 'manifests/other.json',
      timeout_seconds: 5,
    });
  });

  it('stays what was submitted when that was agreed to, or nothing was', async () => {
    for (const decided of [approvedWith('a'.repeat(64)), (request: Approval) => request])
      expect(await comesFrom(decided)).toMatchObject({ phase: 'queued', digest: 'a'.repeat(64), timeout_seconds: 60 });
  });
});
