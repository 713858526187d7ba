import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { actorOf } from '../../../test/support/entities.ts';
import { PERMISSIONS } from '../../contracts/identity.ts';
import { permissionsOf } from './actor.ts';
import { authorize, type Resource } from './authorize.ts';

const mine: Resource = { owner_id: 'user-1', team: 'red', environment: 'python', label: 'job' };
const theirs: Resource = { ...mine, owner_id: 'user-2' };
const nobodys: Resource = { ...theirs, team: null };

describe('who may do what', () => {
  it.each([
    ['a developer reads what is their own', actorOf(['developer']), 'read_state', mine, true],
    ['a developer reads nothing of others', actorOf(['developer'], 'user-1', { teams: ['red'] }), 'read_state', theirs, false],
    ['a viewer reads what their team ran', actorOf(['viewer'], 'user-1', { teams: ['red'] }), 'read_state', theirs, true],
    ['a viewer reads nothing of another team', actorOf(['viewer'], 'user-1', { teams: ['blue'] }), 'read_state', theirs, false],
    ['a viewer of no team reads what has none', actorOf(['viewer']), 'read_state', nobodys, true],
    ['an auditor reads beyond teams', actorOf(['auditor']), 'read_state', theirs, true],
    ['an auditor ends nothing', actorOf(['auditor']), 'cancel_any', theirs, false],
    ['an operator runs no code', actorOf(['operator']), 'execute_code', theirs, false],
    ['an operator ends the runs of others', actorOf(['operator']), 'cancel_any', theirs, true],
    ['an approver decides on their own team', actorOf(['approver'], 'user-1', { teams: ['red'] }), 'approve', theirs, true],
    ['an approver does not reach another team', actorOf(['approver']), 'approve', theirs, false],
    ['an admin does everything', actorOf(['admin']), 'execute_code', theirs, true],
    ['a role nobody described gives nothing', actorOf(['superuser']), 'read_state', mine, false],
    ['the name of a property is no role', actorOf(['constructor', '__proto__']), 'read_state', mine, false],
  ] as const)('%s', (_, actor, permission, resource, expected) => {
    expect(authorize(actor, permission, resource)).toBe(expected);
  });

  it('a key reaches nothing outside its scope, whatever its owner may', () => {
    const resources = fc.record({
      environments: fc.option(fc.subarray(['python', 'nodejs']), { nil: undefined }),
      labels: fc.option(fc.subarray(['job', 'other']), { nil: undefined }),
      teams: fc.option(fc.subarray(['red', 'blue']), { nil: undefined }),
    });
    const resource = fc.record({
      owner_id: fc.constantFrom('user-1', 'user-2'),
      team: fc.constantFrom(null, 'red', 'blue', 'green'),
      environment: fc.constantFrom('python', 'nodejs', 'bash'),
      label: fc.constantFrom(null, 'job', 'other', 'third'),
    });
    const roles = fc.subarray(Object.keys(configuration.security.authorization.roles));
    fc.assert(
      fc.property(roles, resources, resource, fc.constantFrom(...PERMISSIONS), (held, scope, thing, permission) => {
        const owner = actorOf(held, 'user-1', { teams: ['red'] });
        const key = { ...owner, credential: { kind: 'api_key', key_id: 'key', resources: scope } as const };
        const inScope =
          (scope.environments?.includes(thing.environment) ?? true) &&
          (scope.labels === undefined || (thing.label !== null && scope.labels.includes(thing.label))) &&
          (scope.teams === undefined || (thing.team !== null && scope.teams.includes(thing.team)));
        expect(authorize(key, permission, thing)).toBe(inScope && authorize(owner, permission, thing));
      }),
    );
  });

  it('inheritance adds, and more roles never take away', () => {
    const { roles } = configuration.security.authorization;
    for (const permission of roles.viewer ?? []) expect(roles.approver).toContain(permission);
    expect(roles.admin).toEqual(PERMISSIONS);
    const names = fc.subarray(Object.keys(roles));
    fc.assert(
      fc.property(names, names, (some, more) => {
        const both = permissionsOf([...some, ...more], roles);
        expect(both).toEqual(expect.arrayContaining(permissionsOf(some, roles)));
      }),
    );
  });
});
