import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import {
  actorOf,
  IMAGE_ID,
  identityOf,
  manifestOf,
  NOW,
  newExecutionId,
  newSandboxId,
  openApprovalOf,
  queuedExecution,
} from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryExecutions, memoryObjects } from '../../../test/support/memory/stores.ts';
import type { Approval } from '../../contracts/approval.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { decide } from '../approval/decide.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { canonicalJson } from '../text/json.ts';
import { type GateParts, mayRun } from './gate.ts';
import { digestOf } from './submit.ts';
import { claim, requestCancel, update } from './transitions.ts';

const firstRecord = (id: string) =>
  appendToChain(id, EMPTY_CHAIN, { action: 'made', actor: 'user-1', at: NOW.toISOString(), details: {} }).record;

/** An execution that holds a sandbox and waits at the gate; what it was approved for is the test's to say. */
async function atTheGate(
  options: {
    manifest?: Partial<Manifest>;
    approval?: (request: Approval, digest: string) => Approval;
    trusted?: boolean;
    disabled?: boolean;
  } = {},
) {
  const executionId = newExecutionId();
  const sandboxId = newSandboxId();
  const bytes = Buffer.from(canonicalJson(manifestOf(executionId, options.manifest)));
  const digest = digestOf(bytes);
  const executions = memoryExecutions();
  const approvals = memoryApprovals();
  const objects = memoryObjects();
  const request = openApprovalOf(executionId);
  const row = {
    ...queuedExecution(executionId),
    digest,
    approval: { required: true, reasons: [], approval_id: request.approval_id },
  };
  await objects.put(row.manifest_key, bytes, 'application/json');
  await executions.create(row, firstRecord(executionId), null);
  await update(executions, executionId, NOW, (current) => claim(current, 1, sandboxId));
  if (options.approval)
    await approvals.create(
      options.approval({ ...request, digest, versions: request.versions.map((version) => ({ ...version, digest })) }, digest),
      firstRecord(request.approval_id),
    );
  const parts: GateParts = {
    executions,
    approvals,
    objects,
    identities: {
      get: async (userId) => identityOf(userId, { trusted_agent: options.trusted ?? false, disabled: options.disabled ?? false }),
    },
    configuration,
    clock: { now: () => NOW },
    ids: { uuid: () => 'jti-1' },
  };
  return { parts, row, digest, input: { execution_id: executionId, attempt: 1, sandbox_id: sandboxId } };
}

const approved = (request: Approval, digest: string): Approval => {
  const decided = decide(request, actorOf(['approver'], 'user-2'), { decision: 'approve', digest }, NOW);
  if (decided.outcome !== 'changed') throw new Error(decided.detail);
  return decided.change.next;
};

describe('the gate signs', () => {
  it('for an approval of exactly this digest, for this sandbox, for two minutes', async () => {
    const { parts, input, digest, row } = await atTheGate({ approval: approved });
    expect(await mayRun(parts, input)).toEqual({
      claims: {
        jti: 'jti-1',
        execution_id: input.execution_id,
        attempt: 1,
        aud: input.sandbox_id,
        digest,
        basis: { kind: 'approval', approval_id: row.approval.approval_id },
        iat: NOW.getTime() / 1000,
        exp: NOW.getTime() / 1000 + 120,
      },
    });
  });

  it('without a human where the rules in force want none', async () => {
    const trusted = { manifest: { profile: { name: 'trusted', content: {} } }, trusted: true };
    const { parts, input } = await atTheGate(trusted);
    expect(await mayRun(parts, input)).toMatchObject({ claims: { basis: { kind: 'rule' } } });
  });
});

describe('the gate signs nothing', () => {
  it('without an approval', async () => {
    const { parts, input } = await atTheGate();
    expect(await mayRun(parts, input)).toHaveProperty('refused');
  });

  it.each(['open', 'denied', 'expired', 'withdrawn'] as const)('for a request that is %s', async (status) => {
    const { parts, input } = await atTheGate({
      approval: (request) => (status === 'open' ? request : { ...request, status, closed_at: NOW.toISOString() }),
    });
    expect(await mayRun(parts, input)).toHaveProperty('refused');
  });

  it('for an approval of other bytes', async () => {
    const { parts, input } = await atTheGate({
      approval: (request, digest) => ({ ...approved(request, digest), digest: 'b'.repeat(64) }),
    });
    expect(await mayRun(parts, input)).toHaveProperty('refused');
  });

  it('for a manifest that was changed after submission', async () => {
    const { parts, input, row } = await atTheGate({ approval: approved });
    const other = Buffer.from(canonicalJson(manifestOf(input.execution_id, { code: 'import os' })));
    await (parts.objects as ReturnType<typeof memoryObjects>).put(row.manifest_key, other, 'application/json');
    expect(await mayRun(parts, input)).toHaveProperty('refused');
  });

  it('when the caller’s trust was taken back after submission', async () => {
    const { parts, input } = await atTheGate({ manifest: { profile: { name: 'trusted', content: {} } }, trusted: false });
    expect(await mayRun(parts, input)).toHaveProperty('refused');
  });

  it('when the request itself asked for a human, whoever sent it', async () => {
    const { parts, input } = await atTheGate({
      manifest: { profile: { name: 'trusted', content: {} }, approval_requested: true },
      trusted: true,
    });
    expect(await mayRun(parts, input)).toHaveProperty('refused');
  });

  it('for another attempt, another sandbox, an unknown execution', async () => {
    const { parts, input } = await atTheGate({ approval: approved });
    expect(await mayRun(parts, { ...input, attempt: 2 })).toHaveProperty('refused');
    expect(await mayRun(parts, { ...input, sandbox_id: newSandboxId() })).toHaveProperty('refused');
    expect(await mayRun(parts, { ...input, execution_id: newExecutionId() })).toHaveProperty('refused');
  });

  it('for an execution that was cancelled meanwhile', async () => {
    const { parts, input } = await atTheGate({ approval: approved });
    await update(parts.executions, input.execution_id, NOW, (row) => requestCancel(row, 'user-1', 'no', NOW));
    expect(await mayRun(parts, input)).toHaveProperty('refused');
  });
});

describe('the manifest', () => {
  it('names the image, so that another image is another digest', () => {
    const bytes = (image: string) => Buffer.from(canonicalJson(manifestOf('exec_1', { image_id: image })));
    expect(digestOf(bytes(IMAGE_ID))).not.toBe(digestOf(bytes('e'.repeat(64))));
  });
});
