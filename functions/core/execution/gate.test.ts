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
import { contentDigestOf } from '../approval/standing.ts';
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
    executionId?: string;
    manifest?: Partial<Manifest>;
    approval?: (request: Approval, digest: string) => Approval;
    trusted?: boolean;
    disabled?: boolean;
  } = {},
) {
  const executionId = options.executionId ?? newExecutionId();
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

  it('by the rule of the hour in which the run was asked for, however long it stood in line', async () => {
    const quick = { profile: { name: 'standard', content: {} }, timeout_seconds: 30 };
    const { parts, input, row } = await atTheGate({ manifest: quick, trusted: true });
    const [rule] = configuration.approvalRules.code_execution ?? [];
    if (!rule) throw new Error('there is a rule for runs');
    const under = (when: string) => {
      const alone = { ...rule, name: 'alone', when, auto_approve_conditions: [] };
      const approvalRules = { ...configuration.approvalRules, code_execution: [alone, rule] };
      const clock = { now: () => new Date(NOW.getTime() + 3 * 3600_000) };
      return mayRun({ ...parts, clock, configuration: { ...configuration, approvalRules } }, input);
    };
    expect(await under(`time == timestamp("${row.created_at}")`)).toEqual({ refused: 'a human has to approve this first' });
    expect(await under(`time > timestamp("${row.created_at}")`)).toMatchObject({ claims: { basis: { kind: 'rule' } } });
  });
});

describe('an approval of another version', () => {
  /** The row holds what the approvers agreed to; the request, what was submitted. */
  async function agreedTo(change: Partial<Manifest>) {
    const submitted = manifestOf(newExecutionId());
    const bytes = Buffer.from(canonicalJson(submitted));
    const manifest_key = `manifests/${submitted.execution_id}-first.json`;
    const made = await atTheGate({
      executionId: submitted.execution_id,
      manifest: change,
      approval: (request, digest) => ({ ...approved(request, digest), digest: digestOf(bytes), manifest_key }),
    });
    await (made.parts.objects as ReturnType<typeof memoryObjects>).put(manifest_key, bytes, 'application/json');
    return await mayRun(made.parts, made.input);
  }

  it('is good for what was submitted with tighter limits', async () => {
    expect(await agreedTo({ timeout_seconds: 10 })).toMatchObject({ claims: { basis: { kind: 'approval' } } });
  });

  it.each([
    ['other code', { timeout_seconds: 10, code: 'import os' }],
    ['looser limits', { timeout_seconds: 61 }],
  ])('is good for nothing with %s', async (_, change) => {
    expect(await agreedTo(change)).toHaveProperty('refused');
  });
});

describe('a standing approval', () => {
  it.each([
    ['that covers the content is good', { status: 'standing', same: true }, 'claims'],
    ['that was revoked meanwhile is good for nothing', { status: 'revoked', same: true }, 'refused'],
    ['of other content is good for nothing', { status: 'standing', same: false }, 'refused'],
    ['that nobody gave is good for nothing', null, 'refused'],
  ] as const)('%s', async (_, standing, answer) => {
    const standing_approval_id = `std_${'d'.repeat(64)}`;
    const { parts, input } = await atTheGate({
      approval: (request, digest) => ({
        ...request,
        status: 'approved',
        closed_at: NOW.toISOString(),
        approved_digest: digest,
        standing_approval_id,
      }),
    });
    const after = {
      standing_approval_id,
      status: standing?.status ?? ('standing' as const),
      content_digest: contentDigestOf(manifestOf(input.execution_id, standing?.same ? {} : { code: 'print(2)' })),
      owner: { user_id: 'user-1', email: 'user-1@airlock.test' },
      team: null,
      summary: '',
      granted_by: 'apr_01900000-0000-7000-8000-000000000000',
      granted_at: NOW.toISOString(),
      runs_left: 1,
      until: NOW.toISOString(),
      revoked: null,
      ...EMPTY_CHAIN,
    };
    const store = parts.approvals as ReturnType<typeof memoryApprovals>;
    if (standing) await store.saveStanding({ before: null, after, record: firstRecord(standing_approval_id) });
    expect(await mayRun(parts, input)).toHaveProperty(answer);
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

  it('on the approval of an operation that is no run, also of the same digest', async () => {
    const { parts, input } = await atTheGate({
      approval: (request, digest) => ({ ...approved(request, digest), execution_id: null, operation_type: 'data_export' }),
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
