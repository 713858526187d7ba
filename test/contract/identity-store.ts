/** What every store of identities keeps. One store for all tests here: the admins of a deployment are counted together. */
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { UserChange } from '../../functions/contracts/identity.ts';
import type { IdentityStore } from '../../functions/core/identity/ports.ts';
import { rememberSignIn } from '../../functions/core/identity/remember.ts';
import { changeUser } from '../../functions/core/identity/users.ts';
import { actorOf, NOW } from '../support/entities.ts';

export function identityStoreContract(name: string, open: () => Promise<IdentityStore>): void {
  describe(`identities in ${name}`, () => {
    let store: IdentityStore;
    beforeAll(async () => {
      store = await open();
    });
    const enter = (user_id: string, roles: string[], email = `${user_id}@airlock.test`, issued_at = NOW.toISOString()) =>
      rememberSignIn({ identities: store, now: () => NOW }, { user_id, email, roles, pool_username: null, issued_at });
    const signedIn = async (...roles: string[]) => {
      const user_id = randomUUID();
      await enter(user_id, roles);
      return user_id;
    };
    const change = (userId: string, wanted: Omit<UserChange, 'reason'>) => {
      const directory = { setRoles: async () => {}, setEnabled: async () => {}, signOut: async () => {} };
      const parts = { identities: store, directory, granted: {}, now: () => NOW };
      return changeUser(parts, actorOf(['admin'], 'boss'), userId, { ...wanted, reason: 'x' });
    };

    it('are made by the first sign-in; later ones keep what an admin set', async () => {
      const id = await signedIn('developer');
      expect(await store.get(id)).toMatchObject({ roles: ['developer'], teams: [], trusted_agent: false, disabled: false });
      await change(id, { teams: ['red'], trusted_agent: true });
      await enter(id, ['viewer'], 'new@airlock.test');
      const now = await store.get(id);
      expect(now).toMatchObject({ email: 'new@airlock.test', roles: ['viewer'], teams: ['red'], trusted_agent: true });
      expect(await store.get(randomUUID())).toBeNull();
    });

    it('are listed, each once, page by page', async () => {
      const ids: string[] = [await signedIn(), await signedIn(), await signedIn()];
      const found: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<IdentityStore['list']>> = await store.list(2, cursor);
        found.push(...page.items.map((user) => user.user_id));
        cursor = page.cursor;
      } while (cursor !== null);
      expect(found.filter((id) => ids.includes(id)).sort()).toEqual([...ids].sort());
      expect(new Set(found).size).toBe(found.length);
    });

    it('change with a record of who did it and why, and with none when somebody else was faster', async () => {
      const id = await signedIn('developer');
      const before = await store.get(id);
      if (!before) throw new Error('no row');
      const changes = await Promise.all([change(id, { teams: ['red'] }), change(id, { trusted_agent: true })]);
      expect(changes.map(({ outcome }) => outcome)).toEqual(['changed', 'changed']);
      expect(await store.get(id)).toMatchObject({ teams: ['red'], trusted_agent: true, audit_length: 3 });
      const late = { ...before, disabled: true, audit_length: 2 };
      const record = {
        ...{ entity_id: `user#${id}`, sequence: 2, action: 'late', actor: 'x', at: NOW.toISOString(), details: {} },
        ...{ previous_hash: '', hash: 'a'.repeat(64) },
      };
      expect(await store.save(before, late, record)).toBe('conflict');
      expect(await store.get(id)).toMatchObject({ disabled: false });
    });

    it('keep the roles an admin gave, against any sign-in of before', async () => {
      const id = await signedIn('developer');
      const stale = await store.get(id);
      await change(id, { roles: ['viewer'] });
      const late = new Date(NOW.getTime() + 3600_000).toISOString();
      expect(await enter(id, ['developer'])).toMatchObject({ roles: ['viewer'] });
      expect(stale && (await store.holdRoles(stale, late))).toBe(false);
      expect(await enter(id, ['developer'], undefined, late)).toMatchObject({ roles: ['developer'] });
    });

    it('are made once, by whoever comes first', async () => {
      const id = randomUUID();
      await Promise.all([enter(id, ['viewer']), enter(id, ['viewer'])]);
      const row = await store.get(id);
      expect(row).toMatchObject({ roles: ['viewer'], audit_length: 1 });
    });

    it('keep an admin: of two who step down in the same moment, one stays', async () => {
      const admins = [await signedIn('admin'), await signedIn('admin')];
      const [first = '', second = ''] = admins;
      const answers = await Promise.all([change(first, { disabled: true }), change(second, { roles: ['viewer'] })]);
      expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['changed', 'last_admin']);
      const left = answers[0]?.outcome === 'last_admin' ? first : second;
      expect(await change(left, { roles: [] })).toEqual({ outcome: 'last_admin' });
      // Another one makes it possible.
      await signedIn('admin');
      expect(await change(left, { roles: [] })).toMatchObject({ outcome: 'changed' });
    });

    it('that are disabled lose what was issued before, and get none of it back when enabled again', async () => {
      const id = await signedIn('developer');
      await change(id, { disabled: true });
      expect(await store.get(id)).toMatchObject({ disabled: true, valid_after: NOW.toISOString() });
      await change(id, { disabled: false });
      expect(await store.get(id)).toMatchObject({ disabled: false, valid_after: NOW.toISOString() });
    });
  });
}
