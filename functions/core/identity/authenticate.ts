/** Who holds an access token, and what they may do now. The token says whose it is and of which session; everything else is read. */
import { type Actor, permissionsOf, type RolePermissions } from './actor.ts';
import { type HolderStore, type SessionRules, standingOf } from './current.ts';

/** What counts of a token. */
export interface TokenClaims {
  readonly user_id: string;
  readonly session_id: string;
  readonly token_id: string;
  readonly issued_at: string;
}

export interface AuthenticationParts {
  /** Null for whatever is not a token of our pool, for us, of the right use, signed by its key and within its time. */
  readonly verify: (token: string) => Promise<TokenClaims | null>;
  readonly holders: HolderStore;
  readonly granted: RolePermissions;
}

export type AuthenticationAnswer =
  | { readonly outcome: 'authenticated'; readonly actor: Actor }
  | { readonly outcome: 'refused' }
  /** The session was opened without one, and a role that its holder has by now wants one. */
  | { readonly outcome: 'second_factor_wanted' };

export async function authenticateJwt(
  { verify, holders, granted }: AuthenticationParts,
  token: string,
  rules: SessionRules,
): Promise<AuthenticationAnswer> {
  const claims = await verify(token);
  if (!claims) return { outcome: 'refused' };
  const { session_id, token_id, issued_at } = claims;
  const { identity, session } = await holders.get(claims.user_id, session_id);
  const standing = identity ? standingOf(identity, session, issued_at, rules) : 'over';
  if (!identity || standing === 'over') return { outcome: 'refused' };
  if (standing === 'second_factor_wanted') return { outcome: 'second_factor_wanted' };
  const { user_id, email, roles, teams, trusted_agent, owner_id } = identity;
  return {
    outcome: 'authenticated',
    actor: {
      ...{ user_id, email, roles, teams, trusted_agent, owner_id },
      permissions: permissionsOf(roles, granted),
      credential: { kind: 'token', token_id, session_id, issued_at, second_factor: session?.second_factor ?? false },
    },
  };
}
