import { describe, expect, it } from 'vitest';
import { manifestOf, NOW, newExecutionId, openApprovalOf } from '../../../test/support/entities.ts';
import type { ApprovalContext } from '../../contracts/approval.ts';
import { approvalViewOf } from '../approval/view.ts';
import { approvalPage } from './approval.ts';

const executionId = newExecutionId();
const request = openApprovalOf(executionId);
const manifest = manifestOf(executionId);
const context: ApprovalContext = {
  operation_summary: request.summary,
  agent_context: null,
  similar_operations: [],
  last_approved: null,
  execution_preview: {
    ...{ language: 'python', environment: 'python', packages: [], security_profile: 'restricted', network: 'none' },
    ...{ limits: manifest.limits, timeout_seconds: manifest.timeout_seconds, image_id: manifest.image_id },
    ...{ lines: 1, code_bytes: 8, input_bytes: 0, files: [] },
  },
  hidden_characters: [],
  hidden_characters_total: 0,
  visible_code: null,
  visible_code_omitted: false,
};
const [asked] = request.versions;
if (!asked) throw new Error('there is what was asked for');
const tighter = {
  ...{ ...asked, version: 2, digest: 'b'.repeat(64), timeout_seconds: 7 },
  ...{ limits: { ...manifest.limits, memory_bytes: 128 * 2 ** 20 }, made_by: { user_id: 'user-2', email: 'lead@airlock.test' } },
};

const shown = (row: typeof request): string =>
  approvalPage({
    view: approvalViewOf(row, { manifest, operation: null }, context, NOW),
    viewer: { email: 'user-3@airlock.test', csrfToken: 'c', isVisitor: false },
    ...{ now: NOW, isWhole: true, form: { kind: 'form', nonce: 'n', mayAgree: true, filled: null, errors: [] }, said: null },
    ...{ mayComment: true, mayWithdraw: false, place: null },
  }).html;

describe('the page of a request', () => {
  it('shows the digest and the limits that its form decides on, also where others settled on tighter ones', () => {
    const page = shown({ ...request, versions: [asked, tighter], settled_digest: tighter.digest });
    expect(page).toContain(`name="digest" value="${tighter.digest}"`);
    expect(page).toContain(`<dt>Digest</dt><dd><code>${tighter.digest}</code></dd>`);
    expect(page).toContain('<dt>Time</dt><dd>7 s</dd>');
    expect(page).toContain('<dt>Memory</dt><dd>128 MiB</dd>');
    expect(page).toContain('<dt>Limits</dt><dd>set by lead@airlock.test</dd>');
    expect(page).not.toContain(asked.digest);
  });

  it('shows what was asked for until then', () => {
    const page = shown(request);
    expect(page).toContain(`name="digest" value="${asked.digest}"`);
    expect(page).toContain(`<dt>Digest</dt><dd><code>${asked.digest}</code></dd>`);
    expect(page).toContain('<dt>Time</dt><dd>60 s</dd>');
    expect(page).not.toContain('<dt>Limits</dt>');
  });
});

describe('the page of an operation that is no run', () => {
  const operation = {
    ...{ version: 1 as const, approval_id: request.approval_id, requester_id: 'user-1', operation_type: 'data_export' },
    ...{ summary: 'Send them <b>all</b>', details: { to: 'auditors\u202e', rows: Array.from({ length: 400 }, (_, row) => row) } },
  };
  const asOperation = (isWhole: boolean): string => {
    const row = { ...request, execution_id: null, operation_type: 'data_export', summary: operation.summary };
    const ofIt = { ...context, execution_preview: null };
    return approvalPage({
      view: approvalViewOf(row, { manifest: null, operation }, ofIt, NOW),
      viewer: { email: 'user-3@airlock.test', csrfToken: 'c', isVisitor: false },
      ...{ now: NOW, isWhole, form: { kind: 'form', nonce: 'n', mayAgree: true, filled: null, errors: [] }, said: null },
      ...{ mayComment: true, mayWithdraw: false, place: null },
    }).html;
  };

  it('shows all of what would be done, says that it is not done here, and offers no limits to lower', () => {
    const page = asOperation(true);
    expect(page).toContain('What would be done');
    expect(page).toContain('Not by Airlock');
    expect(page).toContain('Send them &lt;b&gt;all&lt;/b&gt;');
    expect(page).toContain('U+202E');
    expect(page).toContain('399');
    expect(page).toContain('exactly this may be done');
    expect(page).not.toContain('Tighter limits');
    expect(page).not.toContain('may run');
  });

  it('says what of long details it leaves out', () => {
    expect(asOperation(false)).toContain('This is not all');
    expect(asOperation(false)).not.toContain('399');
  });
});
