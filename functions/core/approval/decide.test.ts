import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actorOf, NOW, openApprovalOf } from '../../../test/support/entities.ts';
import type { Approval } from '../../contracts/approval.ts';
import { decide, expire, withdraw } from './decide.ts';

const approver = actorOf(['approver'], 'user-2');
const approve = { decision: 'approve' as const, digest: 'a'.repeat(64) };

describe('a decision', () => {
  it('by an eligible other person on the digest shown closes the request', () => {
    const decided = decide(openApprovalOf(), approver, approve, NOW);
    expect(decided).toMatchObject({
      outcome: 'decided',
      change: { next: { status: 'approved', decisions: [{ decision: 'approve' }] } },
    });
  });

  it('by the requester is refused, whatever roles they hold', () => {
    const decided = decide(openApprovalOf(), actorOf(['admin', 'approver'], 'user-1'), approve, NOW);
    expect(decided).toMatchObject({ outcome: 'refused', code: 'forbidden' });
  });

  it('by somebody without an eligible role is refused', () => {
    expect(decide(openApprovalOf(), actorOf(['developer', 'viewer'], 'user-2'), approve, NOW)).toMatchObject({
      code: 'forbidden',
    });
  });

  it('when the rule names no role is nobody’s, an admin’s neither', () => {
    expect(decide(openApprovalOf(undefined, { eligible_roles: [] }), actorOf(['admin'], 'user-2'), approve, NOW)).toMatchObject({
      code: 'forbidden',
    });
  });

  it('on another digest is refused', () => {
    expect(decide(openApprovalOf(), approver, { ...approve, digest: 'b'.repeat(64) }, NOW)).toMatchObject({
      code: 'digest_mismatch',
    });
  });

  it('after the request expired is refused even if nobody closed it yet', () => {
    const late = new Date(NOW.getTime() + 31 * 60_000);
    expect(decide(openApprovalOf(), approver, approve, late)).toMatchObject({ code: 'conflict' });
  });

  it('on a closed request is refused', () => {
    const closed = withdraw(openApprovalOf(), 'user-1', NOW)?.next;
    expect(closed && decide(closed, approver, approve, NOW)).toMatchObject({ code: 'conflict' });
  });

  it('without a rationale is refused where the rule wants one, white space being none', () => {
    const request = openApprovalOf(undefined, { requires_rationale: true });
    expect(decide(request, approver, { ...approve, rationale: '  ' }, NOW)).toMatchObject({ code: 'validation_failed' });
    expect(decide(request, approver, { ...approve, rationale: 'read it' }, NOW)).toMatchObject({ outcome: 'decided' });
  });

  it('to deny ends the request at once', () => {
    const decided = decide(openApprovalOf(undefined, { required_approvers: 3 }), approver, { ...approve, decision: 'deny' }, NOW);
    expect(decided).toMatchObject({ change: { next: { status: 'denied' } } });
  });
});

describe('any sequence of decisions', () => {
  it('approves only with as many distinct eligible people, none of them the requester', () => {
    const decisions = fc.array(
      fc.record({
        user: fc.integer({ min: 1, max: 5 }),
        role: fc.constantFrom('approver' as const, 'developer' as const),
        deny: fc.boolean(),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), decisions, (required, tries) => {
        let request: Approval = openApprovalOf(undefined, { required_approvers: required });
        for (const { user, role, deny } of tries) {
          const decided = decide(
            request,
            actorOf([role], `user-${user}`),
            { ...approve, decision: deny ? 'deny' : 'approve' },
            NOW,
          );
          if (decided.outcome === 'decided') request = decided.change.next;
        }
        const people = new Set(request.decisions.map((made) => made.approver.user_id));
        expect(people.size).toBe(request.decisions.length);
        expect(people.has('user-1')).toBe(false);
        if (request.status === 'approved') expect(people.size).toBe(required);
        if (request.status === 'open') expect(request.decisions.every((made) => made.decision === 'approve')).toBe(true);
      }),
    );
  });
});

describe('an open request', () => {
  it('expires at its time and not before', () => {
    expect(expire(openApprovalOf(), NOW)).toBeNull();
    expect(expire(openApprovalOf(), new Date(NOW.getTime() + 30 * 60_000))).toMatchObject({ next: { status: 'expired' } });
  });
});
