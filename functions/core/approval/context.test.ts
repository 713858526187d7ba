import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { identityOf, manifestOf, NOW, newExecutionId, openApprovalOf, queuedExecution } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryExecutions, memoryObjects } from '../../../test/support/memory/stores.ts';
import type { Approval } from '../../contracts/approval.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { Operation } from '../../contracts/operation.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { digestOf } from '../execution/submit.ts';
import { canonicalJson } from '../text/json.ts';
import { operationDigest } from './asked.ts';
import { contextOf } from './context.ts';

const LATER = new Date(NOW.getTime() + 1).toISOString();
const newApprovalId = () => newExecutionId().replace('exec_', 'apr_');
const record = (id: string) =>
  appendToChain(id, EMPTY_CHAIN, { action: 'made', actor: 'user-1', at: NOW.toISOString(), details: {} }).record;

function house() {
  const parts = {
    executions: memoryExecutions(),
    approvals: memoryApprovals(),
    objects: memoryObjects(),
    identities: { get: async () => identityOf('user-1', { roles: ['developer'], trusted_agent: true }) },
    configuration,
  };
  /** A run that was asked for before, and how that went. */
  const earlier = async (
    status: 'approved' | 'denied',
    change: Partial<Manifest> = {},
    more: { label?: string; team?: string } = {},
  ) => {
    const id = newExecutionId();
    const bytes = Buffer.from(canonicalJson(manifestOf(id, change)));
    const digest = digestOf(bytes);
    const request = openApprovalOf(id);
    const approval = { required: true, reasons: [], approval_id: request.approval_id };
    await parts.executions.create({ ...queuedExecution(id), label: 'report', ...more, digest, approval }, record(id), null);
    await parts.objects.put(request.manifest_key, bytes, 'application/json');
    const closed = {
      ...request,
      digest,
      versions: request.versions.map((one) => ({ ...one, digest })),
      closed_at: NOW.toISOString(),
    };
    const row =
      status === 'approved' ? { ...closed, status, approved_digest: digest, standing_approval_id: null } : { ...closed, status };
    await parts.approvals.create(row, record(row.approval_id));
    return id;
  };
  const now = (change: Partial<Manifest> = {}, label: string | null = 'report') => {
    const id = newExecutionId();
    const request = { ...openApprovalOf(id), label, created_at: LATER };
    return contextOf(parts, request, { manifest: manifestOf(id, change), operation: null });
  };
  /** An operation that is no run, and how it stands. */
  const operation = async (
    status: Approval['status'],
    details: Operation['details'],
    more: { label?: string | null; team?: string; operation_type?: string } = {},
  ) => {
    const approval_id = newApprovalId();
    const { label = 'report', team = null, operation_type = 'data_export' } = more;
    const asked = { version: 1 as const, approval_id, requester_id: 'user-1', operation_type, summary: 'Send them', details };
    const bytes = Buffer.from(canonicalJson(asked));
    const [digest, manifest_key] = [operationDigest(bytes), `manifests/${approval_id}.json`];
    const base = openApprovalOf();
    const request: Approval = {
      ...{ ...base, approval_id, execution_id: null, operation_type, label, team, digest, manifest_key },
      versions: base.versions.map((version) => ({ ...version, digest, manifest_key })),
    };
    const closed = { ...request, closed_at: NOW.toISOString() };
    const row: Approval =
      status === 'open'
        ? request
        : status === 'approved'
          ? { ...closed, status, approved_digest: digest, standing_approval_id: null }
          : { ...closed, status };
    await parts.objects.put(manifest_key, bytes, 'application/json');
    await parts.approvals.create(row, record(approval_id));
    return { row, asked: { manifest: null, operation: asked } };
  };
  const contextNow = ({ row, asked }: Awaited<ReturnType<typeof operation>>) => contextOf(parts, row, asked);
  return { earlier, now, operation, contextNow };
}

describe('the context of a request', () => {
  it('says who asks, what would run, and within what', async () => {
    const { now } = house();
    expect(
      await now({ code: 'print(1)\nprint(2)', files: [{ path: 'a.csv', sha256: 'c'.repeat(64), size_bytes: 3 }] }),
    ).toMatchObject({
      agent_context: { roles: ['developer'], trusted_agent: true, disabled: false },
      execution_preview: { lines: 2, network: 'none', packages: ['numpy', 'pandas'], files: [{ path: 'a.csv', size_bytes: 3 }] },
      similar_operations: [],
      last_approved: null,
      visible_code: null,
    });
  });

  it('tells of earlier runs of the same label and team, newest first, and what is new since one was approved', async () => {
    const { earlier, now } = house();
    const approved = await earlier('approved', { code: 'print(0)', env: { A: '1' } });
    const denied = await earlier('denied', { code: 'import os' });
    await earlier('approved', {}, { label: 'another' });
    await earlier('approved', {}, { team: 'sales' });
    const context = await now({ env: { A: '1' }, timeout_seconds: 10 });
    expect(context.similar_operations.map((row) => row.execution_id)).toEqual([denied, approved]);
    expect(context.last_approved).toMatchObject({
      execution_id: approved,
      differences: [
        { field: 'code', before: 'print(0)', omitted: false },
        { field: 'timeout_seconds', before: 60, omitted: false },
      ],
    });
  });

  it('finds what was last approved behind many others, and leaves out what came later', async () => {
    const { earlier, now } = house();
    const approved = await earlier('approved', { code: 'print(0)' });
    for (let count = 0; count < 12; count += 1) await earlier('denied');
    for (let count = 0; count < 15; count += 1) await earlier('approved', {}, { team: 'sales' });
    const looked = await now();
    expect(looked.similar_operations).toHaveLength(10);
    expect(looked.last_approved).toMatchObject({ execution_id: approved });
  });

  it('of an operation that is no run tells of the like: of its type, label and team, and what is new in it', async () => {
    const { operation, contextNow } = house();
    const approved = await operation('approved', { table: 'customers', rows: 10 });
    const denied = await operation('denied', { table: 'all' });
    await operation('approved', {}, { label: 'another' });
    await operation('approved', {}, { team: 'sales' });
    await operation('approved', {}, { operation_type: 'security_change' });
    const asked = await operation('open', { table: 'customers', rows: 5000 });
    await operation('approved', { table: 'later' });
    const context = await contextNow(asked);
    expect(context.similar_operations).toMatchObject(
      [denied, approved].map(({ row }) => ({ approval_id: row.approval_id, execution_id: null, status: row.status })),
    );
    expect(context.last_approved).toMatchObject({
      approval_id: approved.row.approval_id,
      differences: [{ field: 'details', before: { table: 'customers', rows: 10 }, omitted: false }],
    });
    expect(await contextNow(await operation('open', {}, { label: null }))).toMatchObject({ similar_operations: [] });
  });

  it('knows nothing alike without a label', async () => {
    const { earlier, now } = house();
    await earlier('approved');
    expect(await now({}, null)).toMatchObject({ similar_operations: [], last_approved: null });
  });

  it('makes visible what the code hides, and counts what it does not list', async () => {
    const { now } = house();
    const context = await now({ code: `if access != "user\u202e": pass\n${'\u200b'.repeat(300)}` });
    expect(context.visible_code).toContain('"user⟦U+202E⟧"');
    expect(context.hidden_characters).toHaveLength(200);
    expect(context.hidden_characters_total).toBe(301);
    expect(context.hidden_characters[0]).toEqual({ line: 1, column: 19, character: 'U+202E', kind: 'bidirectional' });
  });

  it.each([
    ['control characters', '\u0001'],
    ['quotes', '"'],
    ['what is invisible', '\u200b'],
    ['letters of another alphabet', 'ра1a'],
  ])(
    'never makes an answer longer than a function may give, whatever the code is made of, and says what it leaves out: %s',
    async (_, unit) => {
      const { earlier, now } = house();
      const full = (bytes: number) => unit.repeat(Math.floor(bytes / Buffer.byteLength(unit)));
      const stdin = full(512 * 1024 - 1000).slice(0, 80_000);
      await earlier('approved', { code: `${full(250 * 1024)}0`, stdin: `${stdin}0`, env: { A: full(60 * 1024) } });
      const manifest = { code: full(256 * 1024), stdin };
      const context = await now(manifest);
      const answer = { context, manifest: manifestOf(newExecutionId(), manifest) };
      expect(Buffer.byteLength(JSON.stringify(JSON.stringify(answer)))).toBeLessThan(5.5 * 1024 * 1024);
      expect(context.visible_code !== null || context.visible_code_omitted || context.hidden_characters_total === 0).toBe(true);
      expect(context.last_approved?.differences.map(({ field }) => field).sort()).toEqual(['code', 'env', 'stdin']);
      for (const { before, omitted } of context.last_approved?.differences ?? []) expect(before === null).toBe(omitted);
    },
  );
});
