import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf, identityOf, manifestOf, NOW, newExecutionId } from '../../../test/support/entities.ts';
import type { OpenApproval, OperationRequest } from '../../contracts/approval.ts';
import { readAsked } from './asked.ts';
import { decide } from './decide.ts';
import { prepareOperation } from './operation.ts';

const ID = 'apr_01900000-0000-7000-8000-000000000001';
const asked: OperationRequest = {
  operation_type: 'data_export',
  summary: 'Send the customers of 2025 to the auditors',
  details: { table: 'customers', rows: 1200, to: 'sftp://auditors.example' },
  justification: 'the yearly audit',
};
const prepare = (request: Partial<OperationRequest> = {}, actor = actorOf(['developer'], 'user-1', { teams: ['data'] })) =>
  prepareOperation({ ...asked, ...request }, { actor, owner: null, configuration, approvalId: ID, now: NOW });

function accepted(...args: Parameters<typeof prepare>): { approval: OpenApproval; bytes: Uint8Array } {
  const prepared = prepare(...args);
  if (prepared.outcome !== 'accepted') throw new Error(JSON.stringify(prepared));
  return prepared;
}

describe('a request for an operation that is not a run', () => {
  it('falls under the rule of its type, with its own team and digest, and nothing is known of its risk', () => {
    const { approval } = accepted();
    expect(approval).toMatchObject({
      ...{ approval_id: ID, execution_id: null, operation_type: 'data_export', status: 'open', team: 'data' },
      ...{ summary: asked.summary, justification: asked.justification, risk: { level: 'high' } },
    });
    expect(approval.rule.stages[0]?.required_approvers).toBe(2);
    expect(approval.versions).toMatchObject([{ version: 1, digest: approval.digest, limits: null, timeout_seconds: null }]);
  });

  it('is read back from exactly its bytes, and from no others', async () => {
    const { approval, bytes } = accepted();
    expect(await readAsked({ get: async () => bytes }, approval)).toMatchObject({
      manifest: null,
      operation: { approval_id: ID, requester_id: 'user-1', details: asked.details },
    });
    const other = Buffer.from(Buffer.from(bytes).toString().replace('1200', '1201'));
    await expect(readAsked({ get: async () => other }, approval)).rejects.toThrow('does not have the digest');
    await expect(readAsked({ get: async () => null }, approval)).rejects.toThrow('there is no operation');
    expect(accepted({ details: { ...asked.details, rows: 1201 } }).approval.digest).not.toBe(approval.digest);
  });

  it('is never taken for a run’s manifest of the same bytes', async () => {
    const { approval } = accepted();
    const manifest = Buffer.from(JSON.stringify(manifestOf(newExecutionId())));
    await expect(readAsked({ get: async () => manifest }, approval)).rejects.toThrow('does not have the digest');
  });

  it('tells approvers of what looks other than it is, in any of its details', () => {
    const { approval } = accepted({ details: { to: 'auditors\u202eexample', run: 'eval(x)' } });
    expect(approval.findings.map((one) => one.rule)).toEqual(expect.arrayContaining(['dangerous_pattern', 'hidden_characters']));
  });

  it.each([
    ['a type nobody has a rule for', { operation_type: 'launch' }, 'body.operation_type'],
    ['a run', { operation_type: 'code_execution' }, 'body.operation_type'],
    ['another team', { team: 'sales' }, 'body.team'],
    ['no reason where the rule wants one', { justification: '  ' }, 'body.justification'],
    ['more than approvers can be shown', { details: { text: 'x'.repeat(140_000) } }, 'body.details'],
  ])('is refused for %s, with the field', (_, change, field) => {
    expect(prepare(change)).toMatchObject({ outcome: 'invalid', errors: [{ field }] });
  });

  it('is refused to a key that is for other labels', () => {
    const credential = { kind: 'api_key' as const, key_id: 'key-1', resources: { labels: ['nightly'] } };
    const withKey = actorOf(['developer'], 'user-1', { credential });
    expect(prepare({ label: 'daily' }, withKey)).toMatchObject({ outcome: 'forbidden' });
    expect(prepare({ label: 'nightly' }, withKey)).toMatchObject({ outcome: 'accepted' });
  });

  it('is decided as any other: by distinct people who did not ask, on its digest, with no conditions and for once', () => {
    const { approval } = accepted();
    const approve = { decision: 'approve' as const, digest: approval.digest };
    const by = (name: string) => actorOf(['approver'], name, { teams: ['data'] });
    expect(decide(approval, actorOf(['admin'], 'user-1'), approve, NOW)).toMatchObject({ code: 'forbidden' });
    expect(decide(approval, by('ann'), { ...approve, conditions: { timeout_seconds: 5 } }, NOW)).toMatchObject({
      code: 'validation_failed',
      detail: expect.stringContaining('limits of a run'),
    });
    const lenient = { ...approval, rule: { ...approval.rule, standing_approvals: { max_runs: 5, max_days: 5 } } };
    expect(decide(lenient, by('ann'), { ...approve, standing: { runs: 1 } }, NOW)).toMatchObject({ code: 'validation_failed' });
    const once = decide(approval, by('ann'), approve, NOW);
    if (once.outcome !== 'changed') throw new Error(once.detail);
    expect(once.change.next.status).toBe('open');
    expect(decide(once.change.next, by('ann'), approve, NOW)).toMatchObject({ code: 'conflict' });
    expect(decide(once.change.next, by('ben'), approve, NOW)).toMatchObject({
      outcome: 'changed',
      change: { next: { status: 'approved', approved_digest: approval.digest } },
    });
  });

  it('of an agent cannot be decided by whoever answers for it', () => {
    const agent = actorOf(['developer'], 'agent-1', { owner_id: 'user-9' });
    const prepared = prepareOperation(asked, {
      ...{ actor: agent, owner: identityOf('user-9'), configuration, approvalId: ID, now: NOW },
    });
    if (prepared.outcome !== 'accepted') throw new Error('refused');
    const { approval } = prepared;
    const wanted = { decision: 'approve' as const, digest: approval.digest };
    expect(decide(approval, actorOf(['admin'], 'user-9'), wanted, NOW)).toMatchObject({ code: 'forbidden' });
  });
});
