import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import {
  actorOf,
  identityOf,
  manifestOf,
  NOW,
  newExecutionId,
  openApprovalOf,
  queuedExecution,
  ruleOf,
  who,
} from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryExecutions, memoryObjects, memoryTokens } from '../../../test/support/memory/stores.ts';
import type { Approval, StandingApproval, StandingGrant } from '../../contracts/approval.ts';
import { approvalIdOf } from '../../contracts/ids.ts';
import { appendToChain, EMPTY_CHAIN, findChainFault } from '../audit/chain.ts';
import { digestOf } from '../execution/submit.ts';
import { canonicalJson } from '../text/json.ts';
import { awaitDecision } from './await.ts';
import { type ChangeOutcome, decide } from './decide.ts';
import { contentDigestOf, covers, grant, grantedBy, revoke } from './standing.ts';

const DAY_MS = 86_400_000;
const limits = { max_runs: 5, max_days: 10 };
const days = (count: number): string => new Date(NOW.getTime() + count * DAY_MS).toISOString();
const manifest = manifestOf(newExecutionId());

const two = [{ name: 'two', required_approvers: 2, eligible: who({ roles: ['approver'] }) }];
const requestOf = (more: Partial<Approval['rule']> = {}): Approval =>
  openApprovalOf(manifest.execution_id, { standing_approvals: limits, stages: two, ...more });
const say = (
  request: Approval,
  name: string,
  standing?: StandingGrant,
  decision: 'approve' | 'deny' = 'approve',
): ChangeOutcome =>
  decide(request, actorOf(['approver'], name), { decision, digest: request.digest, ...(standing ? { standing } : {}) }, NOW);
function said(...args: Parameters<typeof say>): Approval {
  const outcome = say(...args);
  if (outcome.outcome === 'refused') throw new Error(outcome.detail);
  return outcome.change.next;
}

describe('a standing approval', () => {
  it('is granted when everybody who agreed wants it, and then for the least of what they want', () => {
    const request = said(said(requestOf(), 'ann', { runs: 4 }), 'ben', { runs: 3, until: days(2) });
    expect(grantedBy(request, manifest, NOW)).toMatchObject({
      owner: { user_id: 'user-1' },
      content_digest: contentDigestOf(manifest),
      runs_left: 3,
      until: days(2),
    });
  });

  it.each<[string, Approval]>([
    ['only one of two wants it', said(said(requestOf(), 'ann', { runs: 4 }), 'ben')],
    ['nobody wants it', said(said(requestOf(), 'ann'), 'ben')],
    ['the request is not approved yet', said(requestOf(), 'ann', { runs: 1 })],
    [
      'somebody was outvoted',
      said(said(said(requestOf({ denial: 'majority' }), 'cat', undefined, 'deny'), 'ann', { runs: 1 }), 'ben', { runs: 1 }),
    ],
  ])('is not granted when %s', (_, request) => {
    expect(grantedBy(request, manifest, NOW)).toBeNull();
  });

  it.each<[string, Partial<Approval['rule']>, StandingGrant]>([
    ['where the rule allows none', { standing_approvals: null }, { runs: 1 }],
    ['for more runs than the rule allows', {}, { runs: 6 }],
    ['for longer than the rule allows', {}, { until: days(11) }],
    ['for a time that is over', {}, { until: days(-1) }],
  ])('is refused %s', (_, rule, wanted) => {
    expect(say(requestOf(rule), 'ann', wanted)).toMatchObject({ code: 'validation_failed' });
  });

  it('ends by itself though only runs were named', () => {
    const request = said(said(requestOf(), 'ann', { runs: 4 }), 'ben', { runs: 4 });
    expect(grantedBy(request, manifest, NOW)?.until).toBe(days(10));
  });

  it('covers the same content, owner and team, until its time, and nothing once revoked', () => {
    const granted = grantedBy(said(said(requestOf(), 'ann', { runs: 4 }), 'ben', { runs: 4 }), manifest, NOW) as StandingApproval;
    const run = { content_digest: granted.content_digest, owner_id: 'user-1', team: null };
    expect(covers(granted, run, NOW)).toBe(true);
    expect(covers(granted, { ...run, content_digest: 'b'.repeat(64) }, NOW)).toBe(false);
    expect(covers(granted, { ...run, owner_id: 'user-2' }, NOW)).toBe(false);
    expect(covers(granted, { ...run, team: 'data' }, NOW)).toBe(false);
    expect(covers(granted, run, new Date(days(10)))).toBe(false);
    const ended = revoke(granted, actorOf(['approver'], 'ann'), 'enough', NOW)?.after;
    expect(ended && covers(ended, run, NOW)).toBe(false);
    expect(ended?.revoked?.by).toEqual({ user_id: 'ann', email: 'ann@airlock.test' });
  });

  it('knows content by everything but the execution’s own id', () => {
    const again = manifestOf(newExecutionId());
    expect(contentDigestOf(again)).toBe(contentDigestOf(manifest));
    for (const change of [
      { code: 'print(2)' },
      { env: { A: '1' } },
      { args: ['1'] },
      { timeout_seconds: 61 },
      { requester_id: 'user-2' },
    ])
      expect(contentDigestOf({ ...again, ...change })).not.toBe(contentDigestOf(manifest));
  });
});

describe('a run that a standing approval covers', () => {
  const rules = {
    ...configuration.approvalRules,
    code_execution: [{ ...ruleOf({ standing_approvals: limits }), when: null, auto_approve_conditions: [] }],
  };

  /** Submits the same program again and lets its machine ask for approval. */
  async function prepare(runs: number) {
    const parts = {
      executions: memoryExecutions(),
      approvals: memoryApprovals(),
      objects: memoryObjects(),
      tokens: memoryTokens(),
      identities: { get: async () => identityOf('user-1', { roles: ['developer'] }) },
      configuration: { ...configuration, approvalRules: rules },
      clock: { now: () => NOW },
    };
    const granted = grantedBy(said(said(requestOf(), 'ann', { runs }), 'ben', { runs }), manifest, NOW) as StandingApproval;
    await parts.approvals.saveStanding(grant(null, granted, 'ben'));
    const ask = async (code = manifest.code) => {
      const id = newExecutionId();
      const bytes = Buffer.from(canonicalJson(manifestOf(id, { code })));
      const { queued_at: _, ...common } = queuedExecution(id);
      const row = { ...common, digest: digestOf(bytes), phase: 'awaiting_approval' as const };
      await parts.objects.put(row.manifest_key, bytes, 'application/json');
      const submitted = { action: 'submitted', actor: 'user-1', at: NOW.toISOString(), details: {} };
      await parts.executions.create(row, appendToChain(id, EMPTY_CHAIN, submitted).record, null);
      const { outcome } = await awaitDecision(parts, { execution_id: id, attempt: 1, task_token: `token-${id}` });
      return { outcome, request: await parts.approvals.get(approvalIdOf(id)) };
    };
    return { parts, ask, id: granted.standing_approval_id };
  }

  it('is approved at once, as often as it was granted, and then waits for people again', async () => {
    const { parts, ask, id } = await prepare(2);
    for (const left of [1, 0]) {
      expect(await ask()).toMatchObject({
        outcome: 'decided',
        request: { status: 'approved', standing_approval_id: id, decisions: [] },
      });
      expect((await parts.approvals.getStanding(id))?.runs_left).toBe(left);
    }
    expect(await ask()).toMatchObject({ outcome: 'waiting', request: { status: 'open' } });
    const chain = parts.approvals.records.filter((record) => record.entity_id === id);
    const end = await parts.approvals.getStanding(id);
    expect(chain.map((record) => record.action)).toEqual(['granted', 'used', 'used']);
    expect(end && findChainFault(chain, end)).toBeNull();
  });

  it('never runs more often than granted, however many ask at the same moment', async () => {
    const { ask } = await prepare(3);
    const asked = await Promise.all(Array.from({ length: 8 }, () => ask()));
    expect(asked.filter(({ request }) => request?.status === 'approved')).toHaveLength(3);
    expect(asked.filter(({ request }) => request?.status === 'open')).toHaveLength(5);
  });

  it('is only ever the same one', async () => {
    const { ask } = await prepare(3);
    expect(await ask('print(2)')).toMatchObject({ outcome: 'waiting' });
  });
});
