import { describe, expect, it } from 'vitest';
import { rolesOf } from './claims.ts';

const rules = {
  groupRoles: { Staff: ['viewer'], 'Release Managers': ['approver', 'viewer'] },
  known: ['admin', 'approver', 'viewer'],
};
const of = (providerGroups: string | undefined, provider: string | null = 'Okta', groups: string[] = []) =>
  rolesOf({ groups, provider, providerGroups }, rules);

describe('the roles of somebody who came from a provider', () => {
  it('are what the configuration gives the groups they have there', () => {
    expect(of('[Staff, Release Managers]')).toEqual(['approver', 'viewer']);
    expect(of('["Staff","Release Managers"]')).toEqual(['approver', 'viewer']);
    expect(of('Staff')).toEqual(['viewer']);
    expect(of('Release Managers', 'Okta', ['admin'])).toEqual(['admin', 'approver', 'viewer']);
  });

  it('are none for a group nobody mapped, also one that is called like a role or like a property of everything', () => {
    for (const name of ['admin', '[admin]', 'constructor', '__proto__', 'staff', '', '[]', undefined])
      expect(of(name)).toEqual([]);
  });
});

describe('the roles of a user of the pool itself', () => {
  it('are its groups, as far as they are roles', () => {
    expect(of(undefined, null, ['viewer', 'eu-west-1_abc_Okta'])).toEqual(['viewer']);
  });

  it('are not what they say a provider says of them', () => {
    expect(of('[Release Managers]', null)).toEqual([]);
  });
});
