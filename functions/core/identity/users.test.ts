import { expect, it } from 'vitest';
import { actorOf, identityOf, NOW } from '../../../test/support/entities.ts';
import type { UserChange } from '../../contracts/identity.ts';
import type { Actor } from './actor.ts';
import { changeUser } from './users.ts';

const granted = {
  admin: ['manage_users', 'read_audit', 'view_all_teams'],
  clerk: ['manage_users', 'read_state'],
  reader: ['read_state'],
  auditor: ['read_audit'],
} as const;

const by = (roles: (keyof typeof granted)[], more: Partial<Actor> = {}): Actor =>
  actorOf(roles, 'manager', { permissions: roles.flatMap((role) => [...granted[role]]), ...more });

async function change(actor: Actor, userId: string, wanted: Omit<UserChange, 'reason'>): Promise<string> {
  const identities = { get: async () => identityOf(userId), save: async () => 'saved' as const, holdRoles: async () => true };
  const directory = { setRoles: async () => {}, setEnabled: async () => {}, signOut: async () => {} };
  const changed = await changeUser({ identities, directory, granted, now: () => NOW }, actor, userId, { ...wanted, reason: 'x' });
  return changed.outcome === 'forbidden' ? changed.detail : changed.outcome;
}

it('who manages users gives what they have', async () => {
  expect(await change(by(['clerk']), 'somebody', { roles: ['reader'] })).toBe('changed');
  expect(await change(by(['admin']), 'somebody', { roles: ['auditor'] })).toBe('changed');
  expect(await change(by(['clerk']), 'somebody', { disabled: true })).toBe('changed');
});

it.each<[string, Actor, string, Omit<UserChange, 'reason'>, RegExp]>([
  ['more than they have', by(['clerk']), 'somebody', { roles: ['auditor'] }, /may more than you do: read_audit/],
  ['a role to themselves', by(['clerk']), 'manager', { roles: ['clerk', 'reader'] }, /give you the role reader/],
  ['a team to themselves', by(['clerk']), 'manager', { teams: ['red'] }, /into the team red/],
  ['trust to themselves', by(['clerk']), 'manager', { trusted_agent: true }, /has to trust you/],
  [
    'anything, with a key',
    by(['admin'], { credential: { kind: 'api_key', key_id: 'key_1', resources: {} } }),
    'somebody',
    { disabled: true },
    /no key does/,
  ],
])('who manages users does not give %s', async (_, actor, userId, wanted, detail) => {
  expect(await change(actor, userId, wanted)).toMatch(detail);
});
