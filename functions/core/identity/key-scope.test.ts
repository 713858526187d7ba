import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf, NOW } from '../../../test/support/entities.ts';
import { randomHex } from '../../../test/support/random.ts';
import { keyPermission } from '../../contracts/api-key.ts';
import { PERMISSIONS } from '../../contracts/identity.ts';
import { permissionsOf } from './actor.ts';
import { permissionsOfKey, refusedScope } from './key-scope.ts';
import { makeKey } from './keys.ts';

const maker = { settings: { auto_rotation_days: 90, overlap_hours: 72, max_per_user: 50 }, randomHex, now: NOW };

describe('what a key may', () => {
  it('is never more than its owner has at that moment, and never to approve', () => {
    const { roles } = configuration.security.authorization;
    const held = fc.subarray(Object.keys(roles));
    fc.assert(
      fc.property(held, held, fc.subarray([...PERMISSIONS]), (atFirst, now, asked) => {
        const owner = actorOf(atFirst);
        const request = { name: 'x', ...(asked.length > 0 ? { permissions: asked.filter((one) => one !== 'approve') } : {}) };
        const refused = refusedScope(owner, request, ['python']);
        expect(refused.length === 0).toBe((request.permissions ?? []).every((one) => owner.permissions.includes(one)));
        if (refused.length > 0) return;
        const may = permissionsOfKey(makeKey(maker, owner, request).row, permissionsOf(now, roles));
        for (const permission of may) {
          expect(permissionsOf(now, roles)).toContain(permission);
          expect(owner.permissions).toContain(permission);
          if (request.permissions) expect(request.permissions).toContain(permission);
        }
        expect(may).not.toContain('approve');
      }),
    );
  });

  it('is only what can be narrowed, where it is narrowed', () => {
    const admin = actorOf(['admin']);
    const only = (name: string): fc.Arbitrary<string[]> => fc.constant([name]);
    const narrowings = fc
      .record({ environments: only('python'), labels: only('nightly'), teams: only('red') }, { requiredKeys: [] })
      .filter((resources) => Object.keys(resources).length > 0);
    fc.assert(
      fc.property(narrowings, fc.constantFrom(...PERMISSIONS), (resources, asked) => {
        const isOfRuns = ['execute_code', 'read_state', 'view_results', 'view_all_teams', 'cancel_any'].includes(asked);
        if (asked !== 'approve') {
          const refused = refusedScope(admin, { name: 'x', resources, permissions: [asked] }, ['python']);
          expect(refused).toEqual(isOfRuns ? [] : [expect.objectContaining({ field: 'body.permissions', received: asked })]);
        }
        const { row } = makeKey(maker, admin, { name: 'x', resources });
        expect(row.permissions.some((permission) => permission === asked)).toBe(isOfRuns);
        // A row from before such a rule, or changed by hand, gives no more.
        expect(permissionsOfKey({ ...row, permissions: [...keyPermission.options] }, [asked])).toEqual(isOfRuns ? [asked] : []);
      }),
    );
  });

  it('is limited to environments there are', () => {
    const request = { name: 'x', resources: { environments: ['python', 'pythn'] } };
    expect(refusedScope(actorOf(['developer']), request, ['python', 'bash'])).toEqual([
      { field: 'body.resources.environments', expected: 'some of python, bash', received: 'pythn' },
    ]);
  });

  it('is limited to teams its owner is in', () => {
    const owner = actorOf(['developer'], 'user-1', { teams: ['red'] });
    expect(refusedScope(owner, { name: 'x', resources: { teams: ['red'] } }, [])).toEqual([]);
    expect(refusedScope(owner, { name: 'x', resources: { teams: ['blue'] } }, [])).toMatchObject([{ received: 'blue' }]);
  });
});
