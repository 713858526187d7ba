import { describe, expect, it } from 'vitest';
import { actorOf, NOW, newExecutionId, openApprovalOf, who } from '../../../test/support/entities.ts';
import type { Approval, DecisionRequest, RunVersion } from '../../contracts/approval.ts';
import type { ApprovalRule } from '../../contracts/approval-rule.ts';
import { type ChangeOutcome, type DecisionContext, decide } from './decide.ts';
import type { Person } from './eligibility.ts';
import { type Delegate, delegate, withdraw } from './places.ts';

const approver = actorOf(['approver'], 'user-2');
const approve = { decision: 'approve' as const, digest: 'a'.repeat(64) };
const deny = { ...approve, decision: 'deny' as const };
const minutes = (count: number) => new Date(NOW.getTime() + count * 60_000);

const stage = (required_approvers: number, roles: string[] = ['approver', 'admin']) => ({
  name: `stage of ${roles.join()}`,
  required_approvers,
  eligible: who({ roles }),
});
const requestOf = (rule: Partial<ApprovalRule> = {}) => openApprovalOf(newExecutionId(), rule);

function nextOf(outcome: ChangeOutcome): Approval {
  if (outcome.outcome !== 'changed') throw new Error(outcome.detail);
  return outcome.change.next;
}
const decided = (
  request: Approval,
  person: Person,
  wanted: DecisionRequest = approve,
  now = NOW,
  context: DecisionContext = {},
) => nextOf(decide(request, person, wanted, now, context));
const approverNamed = (name: string) => actorOf(['approver'], name);

describe('a decision', () => {
  it('by an eligible other person on the digest shown closes the request', () => {
    const request = decided(requestOf(), approver);
    expect(request).toMatchObject({ status: 'approved', approved_digest: approve.digest, standing_approval_id: null });
    expect(request.decisions).toMatchObject([{ decision: 'approve', on_behalf_of: null, stage: 0 }]);
  });

  it('by the requester is refused, whatever roles they hold, and under another account of the same address too', () => {
    for (const person of [
      actorOf(['admin', 'approver'], 'user-1'),
      actorOf(['admin'], 'user-9', { email: 'User-1@airlock.test' }),
    ])
      expect(decide(requestOf(), person, approve, NOW)).toMatchObject({ outcome: 'refused', code: 'forbidden' });
  });

  it('by whoever answers for the agent that asks is refused', () => {
    const request = { ...requestOf(), agent_owner: { user_id: 'user-2', email: 'user-2@airlock.test' } };
    expect(decide(request, approver, approve, NOW)).toMatchObject({ code: 'forbidden' });
  });

  it('by an agent is refused, whatever roles it has: agents ask, people decide', () => {
    const agent = actorOf(['approver', 'admin'], 'user-2', { owner_id: 'user-3' });
    expect(decide(requestOf(), agent, approve, NOW)).toMatchObject({
      code: 'forbidden',
      detail: 'Agents ask, and people decide.',
    });
  });

  it('by somebody the rule excludes is refused', () => {
    const request = requestOf({ excluded: who({ groups: ['contractors'] }) });
    expect(decide(request, actorOf(['approver'], 'user-2', { teams: ['contractors'] }), approve, NOW)).toMatchObject({
      code: 'forbidden',
    });
    expect(decide(request, approver, approve, NOW)).toMatchObject({ outcome: 'changed' });
  });

  it('by somebody without an eligible role is refused', () => {
    expect(decide(requestOf(), actorOf(['developer', 'viewer'], 'user-2'), approve, NOW)).toMatchObject({ code: 'forbidden' });
  });

  it('when the rule names nobody is nobody’s, an admin’s neither, and not that of a role called *', () => {
    const request = requestOf({ stages: [stage(1, [])] });
    for (const roles of [['admin'], ['*'], ['approver', 'admin']])
      expect(decide(request, actorOf(roles, 'user-2'), approve, NOW)).toMatchObject({ code: 'forbidden' });
  });

  it('is a group’s, or a named person’s, where the rule says so', () => {
    const request = requestOf({
      stages: [{ name: 'leads', required_approvers: 1, eligible: who({ groups: ['leads'], people: ['Boss@airlock.test'] }) }],
    });
    expect(decide(request, actorOf([], 'user-2', { teams: ['leads'] }), approve, NOW).outcome).toBe('changed');
    expect(decide(request, actorOf([], 'boss'), approve, NOW).outcome).toBe('changed');
    expect(decide(request, actorOf(['admin'], 'user-2', { teams: ['data'] }), approve, NOW)).toMatchObject({ code: 'forbidden' });
    expect(decide(request, actorOf([], 'user-2', { email: '' }), approve, NOW)).toMatchObject({ code: 'forbidden' });
  });

  it('on another digest is refused', () => {
    expect(decide(requestOf(), approver, { ...approve, digest: 'b'.repeat(64) }, NOW)).toMatchObject({ code: 'digest_mismatch' });
  });

  it('after the request expired is refused even if nobody closed it yet, and never expires where the rule says so', () => {
    expect(decide(requestOf(), approver, approve, minutes(30))).toMatchObject({ code: 'conflict' });
    expect(decide(requestOf({ timeout_minutes: null }), approver, approve, minutes(1e6)).outcome).toBe('changed');
  });

  it('on a closed request is refused', () => {
    const closed = withdraw(requestOf(), 'user-1', NOW)?.next;
    expect(closed && decide(closed, approver, approve, NOW)).toMatchObject({ code: 'conflict' });
  });

  it('without a rationale is refused where the rule wants one, white space being none', () => {
    const request = requestOf({ requires_rationale: true });
    expect(decide(request, approver, { ...approve, rationale: '  ' }, NOW)).toMatchObject({ code: 'validation_failed' });
    expect(decide(request, approver, { ...approve, rationale: 'read it' }, NOW)).toMatchObject({ outcome: 'changed' });
  });

  it('to agree wants a second factor from the risk on that the rule names; to deny never does', () => {
    const request = (second_factor_from: ApprovalRule['second_factor_from']): Approval => ({
      ...requestOf({ second_factor_from }),
      risk: { level: 'medium', factors: [] },
    });
    const agree = (from: ApprovalRule['second_factor_from'], secondFactor?: boolean) =>
      decide(request(from), approver, approve, NOW, secondFactor === undefined ? {} : { secondFactor });
    expect(agree(null).outcome).toBe('changed');
    expect(agree('high').outcome).toBe('changed');
    expect(agree('medium')).toMatchObject({ outcome: 'refused', code: 'second_factor_wanted' });
    expect(agree('low', false)).toMatchObject({ outcome: 'refused', code: 'second_factor_wanted' });
    expect(agree('low', true).outcome).toBe('changed');
    expect(decide(request('low'), approver, deny, NOW)).toMatchObject({ outcome: 'changed' });
    // Who may not decide at all is told that, and not how to sign in.
    expect(decide(request('low'), actorOf(['developer'], 'user-1'), approve, NOW)).toMatchObject({ code: 'forbidden' });
  });

  it('to deny ends the request at once, unless the rule wants a majority', () => {
    expect(decided(requestOf({ stages: [stage(3)] }), approver, deny)).toMatchObject({ status: 'denied' });
    let request: Approval = requestOf({ stages: [stage(2)], denial: 'majority' });
    request = decided(request, approverNamed('a'), deny);
    expect(request.status).toBe('open');
    request = decided(request, approverNamed('b'));
    expect(decided(request, approverNamed('c'), deny).status).toBe('denied');
    expect(decided(request, approverNamed('c')).status).toBe('approved');
  });

  it('counts each person once, under whatever account', () => {
    const request = decided(requestOf({ stages: [stage(2)] }), approver);
    expect(decide(request, approver, approve, NOW)).toMatchObject({ code: 'conflict' });
    const again = actorOf(['approver'], 'user-7', { email: 'USER-2@airlock.test' });
    expect(decide(request, again, approve, NOW)).toMatchObject({ code: 'conflict' });
    expect(decided(request, approverNamed('user-3')).status).toBe('approved');
  });
});

describe('stages', () => {
  const rule = { stages: [stage(1, ['approver']), stage(1, ['admin'])] };

  it('come one after the other, each with its own people and its own time', () => {
    const late = minutes(29);
    const first = decided(requestOf(rule), approver, approve, late);
    expect(first).toMatchObject({
      status: 'open',
      stage: 1,
      level: 0,
      settled_digest: approve.digest,
      stage_started_at: late.toISOString(),
    });
    expect(first.expires_at).toBe(minutes(59).toISOString());
    expect(decide(first, approverNamed('user-3'), approve, late)).toMatchObject({ code: 'forbidden' });
    expect(decided(first, actorOf(['admin'], 'user-3'), approve, late).status).toBe('approved');
  });

  it('are not decided twice by one person who is eligible for both', () => {
    const both = actorOf(['approver', 'admin'], 'user-2');
    expect(decide(decided(requestOf(rule), both), both, approve, NOW)).toMatchObject({ code: 'conflict' });
  });

  it('do not begin with the last', () => {
    expect(decide(requestOf(rule), actorOf(['admin'], 'user-2'), approve, NOW)).toMatchObject({ code: 'forbidden' });
  });
});

describe('a place handed on', () => {
  const rule = { stages: [stage(2)] };
  const deputy = actorOf(['reviewer'], 'deputy');
  const as = (person: Person, more: Partial<Delegate> = {}): Delegate => ({
    ...person,
    disabled: false,
    mayApprove: true,
    ...more,
  });
  const handedOn = (until: string | null, request: Approval = requestOf(rule)) =>
    nextOf(delegate(request, approver, as(deputy), { until, reason: null }, NOW));
  const context = { delegators: [approver] };

  it('is decided in by whoever holds it, in the name of who gave it', () => {
    const request = decided(handedOn(minutes(10).toISOString()), deputy, approve, NOW, context);
    expect(request.decisions).toMatchObject([{ approver: { user_id: 'deputy' }, on_behalf_of: { user_id: 'user-2' } }]);
  });

  it('counts once: after the deputy neither decides again', () => {
    const request = decided(handedOn(minutes(10).toISOString()), deputy, approve, NOW, context);
    expect(decide(request, approver, approve, NOW, context)).toMatchObject({ code: 'conflict' });
    expect(decide(request, deputy, approve, NOW, context)).toMatchObject({ code: 'conflict' });
    expect(decided(request, approverNamed('user-3')).status).toBe('approved');
  });

  it('counts once: after its owner decided there is no place left', () => {
    const request = decided(handedOn(minutes(10).toISOString()), approver);
    expect(decide(request, deputy, approve, NOW, context)).toMatchObject({ code: 'conflict' });
  });

  it('ends at its time, and with whatever made its owner eligible', () => {
    const request = handedOn(minutes(10).toISOString());
    expect(decide(request, deputy, approve, minutes(10), context)).toMatchObject({ code: 'forbidden' });
    expect(decide(request, deputy, approve, NOW, { delegators: [actorOf(['viewer'], 'user-2')] })).toMatchObject({
      code: 'forbidden',
    });
    expect(decide(request, deputy, approve, NOW, {})).toMatchObject({ code: 'forbidden' });
  });

  it('for good is gone for its owner', () => {
    const request = handedOn(null);
    expect(decide(request, approver, approve, NOW, context)).toMatchObject({ code: 'forbidden' });
    expect(decide(request, deputy, approve, minutes(20), context).outcome).toBe('changed');
  });

  it('is not handed on by whoever only holds it, has none, or used it', () => {
    const further = (request: Approval, from: Person) =>
      delegate(request, from, as(approverNamed('x')), { until: null, reason: null }, NOW);
    expect(further(handedOn(minutes(10).toISOString()), deputy)).toMatchObject({ code: 'forbidden' });
    expect(further(requestOf(rule), actorOf(['developer'], 'user-5'))).toMatchObject({ code: 'forbidden' });
    expect(further(decided(requestOf(rule), approver), approver)).toMatchObject({ code: 'conflict' });
  });

  it.each([
    ['the requester', as(actorOf(['approver'], 'user-1'))],
    ['themselves', as(approver)],
    ['somebody disabled', as(deputy, { disabled: true })],
    ['somebody who may not approve', as(deputy, { mayApprove: false })],
  ])('does not go to %s', (_, to) => {
    expect(delegate(requestOf(rule), approver, to, { until: null, reason: null }, NOW)).toMatchObject({
      code: 'validation_failed',
    });
  });

  it('goes to one person at a time', () => {
    const first = handedOn(minutes(10).toISOString());
    const second = nextOf(
      delegate(first, approver, as(actorOf([], 'other')), { until: minutes(5).toISOString(), reason: null }, NOW),
    );
    expect(second.delegations).toMatchObject([{ to: { user_id: 'other' } }]);
  });
});

describe('conditions', () => {
  const request = requestOf({ stages: [stage(2)] });
  const [shown] = request.versions as [RunVersion];
  const tighter: RunVersion = { ...shown, version: 2, digest: 'b'.repeat(64), timeout_seconds: 10 };
  const wanted = { ...approve, conditions: { timeout_seconds: 10 } };

  it('make a version of their own, of which this is the first approval, and it alone runs once it has its quorum', () => {
    const one = decided(request, approver, wanted, NOW, { tightened: tighter });
    expect(one).toMatchObject({ status: 'open', decisions: [{ digest: tighter.digest }] });
    expect(one.versions).toHaveLength(2);
    const two = decided(one, approverNamed('user-3'), { ...approve, digest: tighter.digest });
    expect(two).toMatchObject({ status: 'approved', approved_digest: tighter.digest });
  });

  it('add nothing to the quorum of what was shown', () => {
    const one = decided(request, approver, wanted, NOW, { tightened: tighter });
    expect(decided(one, approverNamed('user-3'))).toMatchObject({ status: 'open' });
  });

  it('that are denied by who agreed before take that agreement back: nobody is of two minds at once', () => {
    let request: Approval = requestOf({ stages: [stage(2)], denial: 'majority' });
    request = decided(request, approver);
    request = decided(request, approverNamed('user-3'), wanted, NOW, { tightened: tighter });
    request = decided(request, approver, { decision: 'deny', digest: tighter.digest });
    request = decided(request, approverNamed('user-4'));
    expect(request.status).toBe('open');
    expect(decided(request, approverNamed('user-5'))).toMatchObject({ status: 'approved', approved_digest: approve.digest });
  });

  it('can be agreed to by whoever agreed to what was shown', () => {
    const first = decided(request, approver);
    const second = decided(first, approverNamed('user-3'), wanted, NOW, { tightened: tighter });
    expect(second.status).toBe('open');
    expect(decided(second, approver, { ...approve, digest: tighter.digest })).toMatchObject({ approved_digest: tighter.digest });
  });

  it.each([
    ['raise a limit', { ...tighter, limits: { ...shown.limits, cpu: 4 } }],
    ['change nothing', { ...tighter, timeout_seconds: shown.timeout_seconds }],
  ])('may not %s', (_, version) => {
    expect(decide(request, approver, wanted, NOW, { tightened: version })).toMatchObject({ code: 'validation_failed' });
  });

  it('go with an approval, in the first stage', () => {
    expect(decide(request, approver, { ...wanted, decision: 'deny' }, NOW, { tightened: tighter })).toMatchObject({
      code: 'validation_failed',
    });
    const later = decided(requestOf({ stages: [stage(1, ['approver']), stage(1, ['admin'])] }), approver);
    expect(decide(later, actorOf(['admin'], 'user-3'), wanted, NOW, { tightened: tighter })).toMatchObject({ code: 'conflict' });
  });
});
