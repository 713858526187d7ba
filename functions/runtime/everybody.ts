import type { IdentityRecord } from '../contracts/identity.ts';
import type { IdentityStore } from '../core/identity/ports.ts';

const PAGE = 100;

/** Everybody who ever signed in. */
export async function everybody(identities: Pick<IdentityStore, 'list'>): Promise<IdentityRecord[]> {
  const found: IdentityRecord[] = [];
  let cursor: string | null = null;
  do {
    const page = await identities.list(PAGE, cursor);
    found.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}
