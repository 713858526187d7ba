/** Which roles somebody has by what the user pool says of them. */

export interface PoolClaims {
  readonly groups: readonly string[];
  /** The provider somebody signed in with; null for the pool's own users. */
  readonly provider: string | null;
  /** What the provider says of their groups there, as the pool hands it on. */
  readonly providerGroups: string | undefined;
}

export interface RoleRules {
  /** Groups of providers, and the roles they give here. */
  readonly groupRoles: Readonly<Record<string, readonly string[]>>;
  readonly known: readonly string[];
}

/**
 * The pool's own groups are roles; those of a provider give what the configuration says. The attribute that carries them counts only for
 * whoever came from a provider: an own user could not have it from there.
 */
export function rolesOf({ groups, provider, providerGroups }: PoolClaims, { groupRoles, known }: RoleRules): string[] {
  const there = provider === null ? [] : namesIn(providerGroups ?? '');
  const given = there.flatMap((name) => (Object.hasOwn(groupRoles, name) ? (groupRoles[name] ?? []) : []));
  return [...new Set([...groups, ...given])].filter((role) => known.includes(role)).sort();
}

/** A list becomes text on its way through Cognito: `[admins, staff]`, or `["admins","staff"]`; a single name comes as it is. */
function namesIn(text: string): string[] {
  return text
    .trim()
    .replace(/^\[(.*)\]$/s, '$1')
    .split(',')
    .map((name) => name.trim().replace(/^"(.*)"$/, '$1'))
    .filter((name) => name !== '');
}
