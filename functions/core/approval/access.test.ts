import { describe, expect, it } from 'vitest';
import { actorOf, NOW, newExecutionId, openApprovalOf, who } from '../../../test/support/entities.ts';
import { maySee } from './access.ts';

const stages = [{ name: 'security', required_approvers: 1, eligible: who({ groups: ['security'] }) }];
const request = { ...openApprovalOf(newExecutionId(), { stages }), team: 'data' };
const key = (labels: string[]) => ({ kind: 'api_key' as const, key_id: 'key-1', resources: { labels } });

describe('an approval request is seen by', () => {
  it.each([
    ['whoever asked', actorOf(['developer'], 'user-1')],
    ['an approver of its team', actorOf(['approver'], 'user-2', { teams: ['data'] })],
    ['an approver it asks, of another team', actorOf(['approver'], 'user-2', { teams: ['security'] })],
    ['an admin', actorOf(['admin'], 'user-2')],
  ])('%s', (_, actor) => expect(maySee(actor, request, NOW)).toBe(true));

  it('no approver of another team, whose role alone the rule asks for', () => {
    const byRole = { ...openApprovalOf(), team: 'data' };
    expect(maySee(actorOf(['approver'], 'user-2', { teams: ['sales'] }), byRole, NOW)).toBe(false);
    expect(maySee(actorOf(['approver'], 'user-2', { teams: ['data'] }), byRole, NOW)).toBe(true);
    expect(maySee(actorOf(['approver'], 'user-2', { teams: ['sales'] }), { ...byRole, team: null }, NOW)).toBe(true);
  });

  it('whoever holds a place in it', () => {
    const from = { user_id: 'user-5', email: 'user-5@airlock.test' };
    const delegation = { from, to: { user_id: 'user-2', email: 'user-2@airlock.test' }, until: null, at: NOW.toISOString() };
    const handedOn = { ...request, delegations: [delegation] };
    expect(maySee(actorOf(['approver'], 'user-2'), handedOn, NOW)).toBe(true);
    expect(maySee(actorOf(['approver'], 'user-3'), handedOn, NOW)).toBe(false);
  });

  it('nobody else', () => {
    for (const actor of [
      actorOf(['approver'], 'user-2', { teams: ['sales'] }),
      actorOf(['viewer'], 'user-2', { teams: ['data'] }),
      actorOf(['developer'], 'user-2', { teams: ['data', 'security'] }),
      actorOf([], 'user-1'),
    ])
      expect(maySee(actor, request, NOW)).toBe(false);
  });

  it('whoever came by a link to it, and no other by that link', () => {
    const by = (limited_to: string) =>
      actorOf(['approver'], 'user-2', {
        teams: ['security'],
        credential: { kind: 'session', session_id: 'link', issued_at: NOW.toISOString(), second_factor: false, limited_to },
      });
    expect(maySee(by(request.approval_id), request, NOW)).toBe(true);
    expect(maySee(by(openApprovalOf(newExecutionId()).approval_id), request, NOW)).toBe(false);
  });

  it('a key only within what it is for', () => {
    const labelled = { ...request, label: 'reports' };
    const approver = { teams: ['data'] };
    expect(maySee(actorOf(['approver'], 'user-2', { ...approver, credential: key(['reports']) }), labelled, NOW)).toBe(true);
    expect(maySee(actorOf(['approver'], 'user-2', { ...approver, credential: key(['other']) }), labelled, NOW)).toBe(false);
    expect(maySee(actorOf(['developer'], 'user-1', { credential: key(['other']) }), labelled, NOW)).toBe(false);
  });
});
