import { describe, expect, it } from 'vitest';
import { actorOf, NOW } from '../../../test/support/entities.ts';
import { memoryIdentities } from '../../../test/support/memory/identities.ts';
import { rememberSignIn } from './remember.ts';
import { changeUser } from './users.ts';

const MINUTE_MS = 60_000;

function world() {
  const identities = memoryIdentities();
  const state = { now: NOW.getTime() };
  const now = () => new Date(state.now);
  const enter = (roles: string[], more: { email?: string | null; issuedMsAgo?: number } = {}) =>
    rememberSignIn(
      { identities, now },
      {
        ...{ user_id: 'user-1', email: 'a@b.c', roles, pool_username: null },
        ...(more.email === undefined ? {} : { email: more.email }),
        issued_at: new Date(state.now - (more.issuedMsAgo ?? 0)).toISOString(),
      },
    );
  const setRoles = (roles: string[], tellPool: () => Promise<void> = async () => {}) => {
    const directory = { setRoles: tellPool, setEnabled: async () => {}, signOut: async () => {} };
    return changeUser({ identities, directory, granted: {}, now }, actorOf(['admin'], 'boss'), 'user-1', { roles, reason: 'x' });
  };
  return { identities, state, enter, setRoles };
}

describe('what a sign-in says of roles', () => {
  it('counts, and is in the audit', async () => {
    const { identities, enter } = world();
    await enter(['viewer']);
    await enter(['developer']);
    expect(await enter(['developer'])).toMatchObject({ roles: ['developer'], audit_length: 2 });
    expect(identities.audit.map(({ action, actor, details }) => ({ action, actor, details }))).toEqual([
      { action: 'taken_from_sign_in', actor: 'user-1', details: { roles_before: [], roles: ['viewer'], address: 'changed' } },
      { action: 'taken_from_sign_in', actor: 'user-1', details: { roles_before: ['viewer'], roles: ['developer'] } },
    ]);
  });

  it('is nothing new against what an admin decided after that token was made', async () => {
    const { state, enter, setRoles } = world();
    await enter(['operator']);
    await setRoles(['viewer']);
    state.now += MINUTE_MS;
    expect(await enter(['operator'], { issuedMsAgo: MINUTE_MS })).toMatchObject({ roles: ['viewer'] });
    expect(await enter(['developer'])).toMatchObject({ roles: ['developer'] });
  });

  it('waits until the pool knows what an admin decided, however long that takes', async () => {
    const { identities, state, enter, setRoles } = world();
    await enter(['operator']);
    await setRoles(['viewer'], async () => {
      state.now += 10 * MINUTE_MS;
      expect(await enter(['operator'])).toMatchObject({ roles: ['viewer'] });
    });
    const down = setRoles([], async () => {
      throw new Error('the pool is away');
    });
    await expect(down).rejects.toThrow('away');
    state.now += 10 * MINUTE_MS;
    expect(await enter(['viewer'])).toMatchObject({ roles: [] });
    expect(await identities.get('user-1')).toMatchObject({ roles: [] });
  });

  it('comes from a pool that has heard the last decision, of two made at once', async () => {
    const { identities, state, enter, setRoles } = world();
    await enter(['viewer']);
    const heard: string[] = [];
    let isFirst = true;
    await setRoles(['developer'], async () => {
      if (isFirst) {
        isFirst = false;
        await setRoles(['operator'], async () => void heard.push('second'));
      }
      heard.push(String((await identities.get('user-1'))?.roles));
    });
    // The first one found that somebody was faster, and told the pool again.
    expect(heard).toEqual(['second', 'operator', 'operator']);
    state.now += MINUTE_MS;
    expect(await enter(['operator'])).toMatchObject({ roles: ['operator'] });
  });

  it('does not take the last admin', async () => {
    const { enter } = world();
    await enter(['admin']);
    expect(await enter([])).toMatchObject({ roles: ['admin'] });
  });
});

describe('an address that nobody verified', () => {
  it('does not take the place of one that somebody did', async () => {
    const { enter } = world();
    expect(await enter([], { email: null })).toMatchObject({ email: '' });
    expect(await enter([], { email: 'a@b.c' })).toMatchObject({ email: 'a@b.c' });
    expect(await enter([], { email: null })).toMatchObject({ email: 'a@b.c' });
  });
});
