import { describe, expect, it } from 'vitest';
import { configuration } from '../../../test/support/configuration.ts';
import { identityOf, NOW } from '../../../test/support/entities.ts';
import type { IdentityRecord } from '../../contracts/identity.ts';
import type { OpenSession } from '../../contracts/sign-in.ts';
import { authenticateJwt } from './authenticate.ts';

const SESSION: OpenSession = {
  ...{ session_id: 'session-1', user_id: 'user-1', second_factor: false, ended: false },
  expires_at: new Date(NOW.getTime() + 3600_000).toISOString(),
};
const claims = {
  ...{ user_id: 'user-1', session_id: 'session-1', token_id: 'token-1' },
  issued_at: new Date(NOW.getTime() - 60_000).toISOString(),
};

async function shown(given: {
  identity?: Partial<IdentityRecord> | null;
  session?: Partial<OpenSession> | null;
  token?: string;
}) {
  const asked: string[] = [];
  const { identity = {}, session = {}, token = 'good' } = given;
  const answer = await authenticateJwt(
    {
      verify: async (text) => (text === 'good' ? claims : null),
      holders: {
        get: async (userId, sessionId) => {
          asked.push(`${userId} ${sessionId}`);
          return {
            identity: identity && identityOf('user-1', { roles: ['developer'], ...identity }),
            session: session && { ...SESSION, ...session },
          };
        },
      },
      granted: configuration.security.authorization.roles,
    },
    token,
    { mfaRoles: ['operator'], now: NOW },
  );
  return { answer, asked };
}

describe('the holder of an access token', () => {
  it('is who the row says, with the rights of the roles there now', async () => {
    const { answer, asked } = await shown({ identity: { roles: ['viewer'], teams: ['red'] } });
    expect(answer).toMatchObject({
      outcome: 'authenticated',
      actor: { user_id: 'user-1', roles: ['viewer'], teams: ['red'], credential: { kind: 'token', session_id: 'session-1' } },
    });
    expect(answer.outcome === 'authenticated' && [...answer.actor.permissions].sort()).toEqual(['read_state', 'view_results']);
    expect(asked).toEqual(['user-1 session-1']);
  });

  it('is nobody where the token does not verify, and then nobody is asked', async () => {
    expect(await shown({ token: 'forged' })).toEqual({ answer: { outcome: 'refused' }, asked: [] });
  });

  it.each([
    ['somebody without a row', { identity: null }],
    ['somebody disabled', { identity: { disabled: true } }],
    ['a token from before a revocation', { identity: { valid_after: NOW.toISOString() } }],
    ['a session nobody opened here', { session: null }],
    ['a session that ended', { session: { ended: true } }],
    ['a session whose time is over', { session: { expires_at: NOW.toISOString() } }],
    ['the session of somebody else', { session: { user_id: 'user-2' } }],
  ])('is nobody with %s', async (_, given) => {
    expect((await shown(given)).answer).toEqual({ outcome: 'refused' });
  });

  it('is asked for a second factor where a role that came later wants one', async () => {
    const operator = { identity: { roles: ['operator'] } };
    expect((await shown(operator)).answer).toEqual({ outcome: 'second_factor_wanted' });
    expect((await shown({ ...operator, session: { second_factor: true } })).answer).toMatchObject({
      outcome: 'authenticated',
      actor: { credential: { second_factor: true } },
    });
  });
});
