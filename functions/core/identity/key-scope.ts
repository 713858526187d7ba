/** What a key can be given, and what is left of it at each request: never more than its owner has at that moment. */
import type { ApiKeyRecord, CreateApiKeyRequest, KeyPermission, KeyResources } from '../../contracts/api-key.ts';
import type { FieldError } from '../../contracts/errors.ts';
import type { Permission } from '../../contracts/identity.ts';
import type { Actor } from './actor.ts';

/** What is asked for beyond what the owner has, or what there is, by field; empty when the key can be made. */
export function refusedScope(owner: Actor, request: CreateApiKeyRequest, environments: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const held = owner.permissions.join(', ') || 'nothing';
  for (const permission of request.permissions ?? []) {
    if (!owner.permissions.includes(permission)) {
      errors.push({ field: 'body.permissions', expected: `some of what you have: ${held}`, received: permission });
    } else if (!mayBeGiven(permission, request.resources ?? {})) {
      const expected = `for a key limited to resources, some of ${OF_RUNS.join(', ')}`;
      errors.push({ field: 'body.permissions', expected, received: permission });
    }
  }
  for (const environment of request.resources?.environments ?? []) {
    if (!environments.includes(environment)) {
      const expected = `some of ${environments.join(', ')}`;
      errors.push({ field: 'body.resources.environments', expected, received: environment });
    }
  }
  for (const team of request.resources?.teams ?? []) {
    if (!owner.teams.includes(team) && !owner.permissions.includes('view_all_teams')) {
      const expected = owner.teams.length > 0 ? `some of your teams: ${owner.teams.join(', ')}` : 'nothing: you are in no team';
      errors.push({ field: 'body.resources.teams', expected, received: team });
    }
  }
  return errors;
}

export const permissionsOfKey = (key: ApiKeyRecord, ofOwner: readonly Permission[]): Permission[] =>
  ofOwner.filter((permission) => mayBeGiven(permission, key.resources) && key.permissions.includes(permission));

/** What a list of environments, labels or teams can narrow. Anything else is about everybody, so a narrowed key has none of it. */
const OF_RUNS: readonly Permission[] = ['execute_code', 'read_state', 'view_results', 'view_all_teams', 'cancel_any'];

const isNarrowed = ({ environments, labels, teams }: KeyResources): boolean =>
  environments !== undefined || labels !== undefined || teams !== undefined;

/** Deciding is for people who signed in. */
export const mayBeGiven = (permission: Permission, resources: KeyResources): permission is KeyPermission =>
  permission !== 'approve' && (!isNarrowed(resources) || OF_RUNS.includes(permission));
