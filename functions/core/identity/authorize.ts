/**
 * The one rule of who may do what with which resource. Routes ask for a permission, get routes add the resource, list routes turn the
 * same rule into a filter; a test holds the two together.
 */
import type { Permission } from '../../contracts/identity.ts';
import type { Actor } from './actor.ts';

/** What the rule needs to know of a thing. */
export interface Resource {
  readonly owner_id: string;
  readonly team: string | null;
  readonly environment: string | null;
  readonly label: string | null;
}

/** What widens a permission from one's own things to those of others; any other permission is for one's own. */
const FOR_OTHERS: Partial<Record<Permission, Permission>> = { read_state: 'view_results', execute_code: 'cancel_any' };
/** These are about the things of others by their nature. */
const OF_OTHERS: ReadonlySet<Permission> = new Set(['view_results', 'approve', 'cancel_any']);

const holds = (actor: Actor, permission: Permission): boolean => actor.permissions.includes(permission);

/** Without a resource: whether the actor has the permission at all. With one: whether it reaches that resource. */
export function authorize(actor: Actor, permission: Permission, resource?: Resource): boolean {
  if (!holds(actor, permission)) return false;
  if (!resource) return true;
  if (!isInScope(actor, resource)) return false;
  if (resource.owner_id === actor.user_id && !OF_OTHERS.has(permission)) return true;
  const wanted = OF_OTHERS.has(permission) ? permission : FOR_OTHERS[permission];
  return wanted !== undefined && holds(actor, wanted) && reachesTeam(actor, resource);
}

const reachesTeam = (actor: Actor, { team }: Resource): boolean =>
  team === null || actor.teams.includes(team) || holds(actor, 'view_all_teams');

/** A key limited to a label reaches nothing without one. */
export function isInScope({ credential }: Actor, resource: Resource): boolean {
  if (credential.kind !== 'api_key') return true;
  const { environments, labels, teams } = credential.resources;
  return isListed(environments, resource.environment) && isListed(labels, resource.label) && isListed(teams, resource.team);
}

const isListed = (list: readonly string[] | undefined, value: string | null): boolean =>
  list === undefined || (value !== null && list.includes(value));

/** The resources `authorize(actor, 'read_state', …)` lets through, as a store can look for them. */
export interface Visible {
  /** Only of this owner; null: of everybody whose team is reached. */
  readonly owner_id: string | null;
  /** null: every team. Otherwise these, what has none, and what is the reader's own. */
  readonly teams: readonly string[] | null;
  readonly reader_id: string;
  readonly environments?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
  /** A key's own list of teams: nothing outside it, and nothing without a team. */
  readonly only_teams?: readonly string[] | undefined;
}

export function visibleTo(actor: Actor): Visible {
  const scope = actor.credential.kind === 'api_key' ? actor.credential.resources : {};
  return {
    owner_id: holds(actor, 'view_results') ? null : actor.user_id,
    teams: holds(actor, 'view_all_teams') ? null : actor.teams,
    reader_id: actor.user_id,
    environments: scope.environments,
    labels: scope.labels,
    only_teams: scope.teams,
  };
}
