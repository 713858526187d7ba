/** What a sign-in says of somebody, against what is known of them. */
import type { IdentityRecord } from '../../contracts/identity.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { IdentityStore, SignedIn } from './ports.ts';

interface Parts {
  readonly identities: Pick<IdentityStore, 'get' | 'create' | 'save'>;
  readonly now: () => Date;
}

const MAX_TRIES = 6;

/**
 * Makes the row at the first sign-in, and later takes over a verified address and the roles, unless an admin has decided on them since.
 * Whatever changes by that is in the audit like any other change. The last enabled admin stays one here too.
 */
export async function rememberSignIn({ identities, now }: Parts, given: SignedIn): Promise<IdentityRecord> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const before = await identities.get(given.user_id);
    const known = before ?? nobodyYet(given.user_id);
    const wanted = withSignIn(known, given);
    if (before && !differs(before, wanted)) return before;
    const draft = {
      action: 'taken_from_sign_in',
      actor: given.user_id,
      at: now().toISOString(),
      details: detailsOf(known, wanted),
    };
    const { record, end } = appendToChain(`user#${given.user_id}`, known, draft);
    const after = { ...wanted, ...end };
    const saved = before ? await identities.save(before, after, record) : await identities.create(after, record);
    if (saved === 'saved') return after;
    if (saved === 'last_admin' && before) return before;
  }
  throw new Error(`the sign-in of ${given.user_id} could not be noted: others change the user`);
}

function withSignIn(known: IdentityRecord, { email, roles, pool_username, issued_at }: SignedIn): IdentityRecord {
  const isLater = known.roles_held_until === null || issued_at > known.roles_held_until;
  return { ...known, email: email ?? known.email, pool_username, roles: isLater ? [...roles].sort() : known.roles };
}

const differs = (before: IdentityRecord, after: IdentityRecord): boolean =>
  before.email !== after.email || before.pool_username !== after.pool_username || before.roles.join() !== after.roles.join();

/** No address: it is nobody's business who reads the audit. */
const detailsOf = (before: IdentityRecord, after: IdentityRecord) => ({
  ...(before.roles.join() === after.roles.join() ? {} : { roles_before: before.roles, roles: after.roles }),
  ...(before.email === after.email ? {} : { address: 'changed' }),
});

const nobodyYet = (userId: string): IdentityRecord => ({
  user_id: userId,
  email: '',
  pool_username: null,
  roles: [],
  roles_held_until: null,
  teams: [],
  trusted_agent: false,
  owner_id: null,
  disabled: false,
  valid_after: null,
  ...EMPTY_CHAIN,
});
