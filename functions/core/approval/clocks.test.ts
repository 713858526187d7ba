import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actorOf, NOW, newExecutionId, openApprovalOf, who } from '../../../test/support/entities.ts';
import { memoryApprovals } from '../../../test/support/memory/approvals.ts';
import { memoryTokens } from '../../../test/support/memory/stores.ts';
import type { OpenApproval } from '../../contracts/approval.ts';
import type { ApprovalRule } from '../../contracts/approval-rule.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import { advanceApproval } from './advance.ts';
import { updateApproval } from './change.ts';
import { expiryOf, nextClock, nextEscalation } from './clocks.ts';
import { decide } from './decide.ts';

const later = (minutes: number): Date => new Date(NOW.getTime() + minutes * 60_000);
const at = (minutes: number): string => later(minutes).toISOString();

const chain = [
  { name: 'lead', eligible: who({ groups: ['leads'] }), timeout_minutes: 20 },
  { name: 'security', eligible: who({ roles: ['security'] }), timeout_minutes: 10 },
];
const rule = { timeout_minutes: 30, escalation_chain: chain };

/** A request whose clocks can be looked at whenever the test says it is. */
async function watched(more: Partial<ApprovalRule>, change: (request: OpenApproval) => OpenApproval = (request) => request) {
  const approvals = memoryApprovals();
  const tokens = memoryTokens();
  const request = change({ ...openApprovalOf(newExecutionId(), more), task_token: 'token' });
  const opened = { action: 'opened', actor: 'user-1', at: NOW.toISOString(), details: {} };
  await approvals.create(request, appendToChain(request.approval_id, EMPTY_CHAIN, opened).record);
  const look = (minutes: number, stage = 0) =>
    advanceApproval({ approvals, tokens, clock: { now: () => later(minutes) } }, request.approval_id, stage);
  const events = () => [...approvals.notices.values()].map(({ event, asks }) => `${event} ${asks ? 'asks' : 'tells'}`);
  return { approvals, tokens, look, events, id: request.approval_id };
}

describe('the clocks of a request', () => {
  it('give each level its time, and expire one such time after the last', () => {
    const request = openApprovalOf(newExecutionId(), rule);
    expect(request.expires_at).toBe(at(60));
    expect(nextEscalation(request)).toEqual({ level: 'lead', at: at(30) });
    expect(nextEscalation({ ...request, level: 1 })).toEqual({ level: 'security', at: at(50) });
    expect(nextEscalation({ ...request, level: 2 })).toBeNull();
  });

  it('do nothing before their time, and say when it comes', async () => {
    const { look, events, tokens } = await watched(rule);
    expect(await look(29.99)).toEqual({ outcome: 'waiting', next_at: at(30), changes: 0 });
    expect([...events(), ...tokens.completed]).toEqual([]);
  });

  it('escalate: the next level is asked, the earlier one is told, and from then on both may decide', async () => {
    const { look, approvals, id } = await watched(rule);
    const before = await approvals.get(id);
    const lead = actorOf([], 'lead', { teams: ['leads'] });
    const approve = { decision: 'approve' as const, digest: 'a'.repeat(64) };
    expect(before && decide(before, lead, approve, later(29))).toMatchObject({ code: 'forbidden' });
    expect(await look(30)).toEqual({ outcome: 'waiting', next_at: at(50), changes: 1 });
    expect([...approvals.notices.values()]).toMatchObject([
      { event: 'escalated', asks: true, level: 1, audience: { eligible: { groups: ['leads'], roles: [] } } },
      { event: 'escalated', asks: false, audience: { eligible: { groups: [], roles: ['approver', 'admin'] } } },
    ]);
    const row = await approvals.get(id);
    for (const person of [lead, actorOf(['approver'], 'user-2')])
      expect(row && decide(row, person, approve, later(31)).outcome).toBe('changed');
  });

  it('remind those who have not acted, as often as the rule says, whoever looks how often', async () => {
    const two = [{ name: 'two', required_approvers: 2, eligible: who({ roles: ['approver'] }) }];
    const { look, approvals, id, events } = await watched({ remind_minutes: 10, stages: two });
    const approve = { decision: 'approve' as const, digest: 'a'.repeat(64) };
    await updateApproval(approvals, id, later(1), (row) => {
      const outcome = decide(row, actorOf(['approver'], 'quick'), approve, later(1));
      return outcome.outcome === 'changed' ? outcome : null;
    });
    for (const minutes of [9, 10, 10, 12, 20, 20]) await look(minutes);
    expect(events().filter((event) => event === 'reminded asks')).toHaveLength(2);
    const reminder = [...approvals.notices.values()].find(({ event }) => event === 'reminded');
    expect(reminder?.audience.except.map((person) => person.user_id)).toEqual(['user-1', 'quick']);
  });

  it('expire with the outcome the rule names, once, and wake whoever waits', async () => {
    const { look, approvals, id, events, tokens } = await watched({ ...rule, on_expiry: 'cancel' });
    expect(await look(60)).toEqual({ outcome: 'closed', changes: 1 });
    expect(await look(61)).toEqual({ outcome: 'closed', changes: 0 });
    expect(await approvals.get(id)).toMatchObject({ status: 'expired', closed_at: at(60) });
    expect(approvals.records.at(-1)).toMatchObject({ action: 'expired', details: { outcome: 'cancel' } });
    expect(events()).toEqual(['expired tells']);
    expect(tokens.completed).toContain('token');
  });

  it('catch up with what nobody saw: every level, one reminder, in order', async () => {
    const { look, approvals, events } = await watched({ ...rule, remind_minutes: 7 });
    await look(55);
    expect(events()).toEqual(['escalated asks', 'escalated tells', 'escalated asks', 'escalated tells']);
    expect(approvals.records.map((record) => record.action)).toEqual(['opened', 'escalated', 'escalated']);
    expect(await look(56)).toMatchObject({ changes: 1 });
    expect(events().at(-1)).toBe('reminded asks');
  });

  it('never strike where the rule says never', async () => {
    const { look, events } = await watched({ timeout_minutes: null });
    expect(await look(1e6)).toEqual({ outcome: 'no_clock', changes: 0 });
    const last = await watched({ escalation_chain: [{ name: 'lead', eligible: who({}), timeout_minutes: null }] });
    expect(await last.look(1e6)).toEqual({ outcome: 'no_clock', changes: 1 });
    expect(events()).toEqual([]);
  });

  it('stop with their stage: the next one has its own', async () => {
    const { look, events } = await watched(rule, (request) => ({ ...request, stage: 1 }));
    expect(await look(59, 0)).toEqual({ outcome: 'other_stage', changes: 0 });
    expect(events()).toEqual([]);
  });

  it('do each thing once, however many look at the same moment', async () => {
    const { look, events, approvals } = await watched({ ...rule, remind_minutes: 25 });
    await Promise.all(Array.from({ length: 6 }, () => look(26)));
    await Promise.all(Array.from({ length: 6 }, () => look(31)));
    expect(events()).toEqual(['reminded asks', 'escalated asks', 'escalated tells']);
    expect(approvals.records).toHaveLength(3);
  });

  it('come to the same end whoever looks when', async () => {
    const looks = fc.uniqueArray(fc.integer({ min: 0, max: 70 }), { maxLength: 12 });
    const minutes = fc.option(fc.integer({ min: 1, max: 30 }), { nil: null });
    await fc.assert(
      fc.asyncProperty(looks, minutes, async (when, remind_minutes) => {
        const { look, approvals, id, events } = await watched({ ...rule, remind_minutes });
        for (const minute of when.sort((a, b) => a - b)) await look(minute);
        const latest = Math.max(-1, ...when);
        const row = await approvals.get(id);
        expect(row?.status).toBe(latest >= 60 ? 'expired' : 'open');
        if (row?.status === 'open') expect(row.level).toBe(latest >= 50 ? 2 : latest >= 30 ? 1 : 0);
        expect(events().filter((event) => event === 'escalated asks').length).toBeLessThanOrEqual(2);
        expect(events().filter((event) => event === 'expired tells')).toHaveLength(latest >= 60 ? 1 : 0);
      }),
      { numRuns: 60 },
    );
  });

  it('strike in the future only, once caught up with', () => {
    const request = openApprovalOf(newExecutionId(), { ...rule, remind_minutes: 7 });
    const due = nextClock(request);
    expect(due).toEqual({ kind: 'remind', at: at(7) });
    expect(expiryOf(request.rule, at(0))).toBe(at(60));
  });
});
