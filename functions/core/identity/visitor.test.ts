import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { identityOf, NOW } from '../../../test/support/entities.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import { visitorOf } from './visitor.ts';

const later = (seconds: number): string => new Date(NOW.getTime() + seconds * 1000).toISOString();
const visit = { user_id: 'user-2', approval_id: 'apr_1', created_at: NOW.toISOString(), expires_at: later(900) };
const rules = { mfaRoles: ['operator'], now: new Date(later(60)) };
const comes = (identity: IdentityRecord | null, more: Partial<typeof rules> = {}) =>
  visitorOf(identity, visit, configuration.security.authorization.roles, { ...rules, ...more });
const approver = identityOf('user-2', { roles: ['approver'] });

describe('whoever came by a link', () => {
  it('is the person as they are now, for that one request', () => {
    expect(comes(approver)).toMatchObject({
      standing: 'accepted',
      actor: { user_id: 'user-2', permissions: expect.arrayContaining(['approve']), credential: { limited_to: 'apr_1' } },
    });
    expect(comes(identityOf('user-2', { roles: [] }))).toMatchObject({ standing: 'accepted', actor: { permissions: [] } });
  });

  it.each<[string, IdentityRecord | null, Date]>([
    ['is nobody any more', null, rules.now],
    ['is disabled', { ...approver, disabled: true }, rules.now],
    ['had everything ended since the link was made', { ...approver, valid_after: later(30) }, rules.now],
    ['is somebody else', identityOf('user-3', { roles: ['approver'] }), rules.now],
    ['comes too late', approver, new Date(later(900))],
  ])('gets nowhere who %s', (_, identity, now) => {
    expect(comes(identity, { now })).toEqual({ standing: 'over' });
  });

  it('signs in where a role wants a second factor', () => {
    expect(comes(identityOf('user-2', { roles: ['approver', 'operator'] })).standing).toBe('second_factor_wanted');
  });
});
