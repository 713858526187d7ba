import { cognitoDirectory } from '../../adapters/cognito/directory.ts';
import { dynamoApiKeys, dynamoKeyUsage } from '../../adapters/dynamo/api-keys.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { invokeLater } from '../../adapters/lambda/invoke.ts';
import { type IdentityRecord, type UserView, userView } from '../../contracts/identity.ts';
import * as keyRoutes from '../../contracts/routes/api-keys.ts';
import * as routes from '../../contracts/routes/identity.ts';
import { changeUser } from '../../core/identity/users.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError, refuseCursor } from '../../runtime/errors.ts';
import { log } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';
import { createApiKey, listApiKeys, revokeApiKey, rotateApiKey } from './keys.ts';

const environment = environmentOf('api/identity');
const { security, environments } = readConfiguration();
const roleNames = Object.keys(security.authorization.roles);
const identities = dynamoIdentities({ identity: environment.IDENTITY_TABLE, audit: environment.AUDIT_TABLE });
const directory = cognitoDirectory(environment.USER_POOL_ID, roleNames);
/** Open connections look again whether they may stay. They also do so at each subscription, should this not reach them. */
const lookAgainAt = (userId: string): Promise<void> =>
  invokeLater(environment.SOCKET_FUNCTION, { look_again_at: userId }).catch((error: unknown) =>
    log.error('connections were not told', error, { user_id: userId }),
  );

const keyParts = {
  lookAgainAt,
  keys: dynamoApiKeys({ identity: environment.IDENTITY_TABLE, audit: environment.AUDIT_TABLE }),
  usage: dynamoKeyUsage(environment.EPHEMERA_TABLE),
  settings: security.authentication.api_keys,
  environments: Object.keys(environments),
  now: clock.now,
};

export const handler = apiHandler(environment, [
  route(routes.getMe, async ({ actor }) => {
    const { user_id, email, roles, teams, trusted_agent, permissions, credential } = actor;
    return ok({
      user_id,
      email,
      roles: [...roles],
      teams: [...teams],
      trusted_agent,
      permissions: [...permissions],
      credential: credential.kind,
    });
  }),

  route(routes.listUsers, async ({ query }) => {
    const page = await identities.list(query.limit ?? 50, query.cursor ?? null).catch(refuseCursor);
    return ok({ users: page.items.map(viewOf), next_cursor: page.cursor });
  }),

  route(routes.getUser, async ({ params }) => {
    const user = await identities.get(params.user_id);
    if (!user) throw notFound();
    return ok(viewOf(user));
  }),

  route(routes.updateUser, async ({ actor, params, body }) => {
    const unknown = (body.roles ?? []).filter((role) => !roleNames.includes(role));
    if (unknown.length > 0) {
      const errors = [{ field: 'body.roles', expected: `some of ${roleNames.join(', ')}`, received: unknown.join(', ') }];
      throw new ApiError('validation_failed', 'There is no such role.', { errors });
    }
    if (body.owner_id) await mustBeAPerson(body.owner_id, params.user_id);
    const userParts = { identities, directory, granted: security.authorization.roles, now: clock.now };
    const changed = await changeUser(userParts, actor, params.user_id, body);
    if (changed.outcome === 'not_found') throw notFound();
    if (changed.outcome === 'forbidden') throw new ApiError('forbidden', changed.detail);
    if (changed.outcome === 'last_admin') {
      throw new ApiError('conflict', 'This is the last enabled admin. Make somebody else an admin first.');
    }
    if (changed.outcome === 'busy') throw new ApiError('unavailable', 'Others change this user right now. Try again.');
    await lookAgainAt(params.user_id);
    return ok(viewOf(changed.user));
  }),

  route(keyRoutes.createApiKey, (request) => createApiKey(keyParts, request)),
  route(keyRoutes.listApiKeys, (request) => listApiKeys(keyParts, request)),
  route(keyRoutes.rotateApiKey, (request) => rotateApiKey(keyParts, request)),
  route(keyRoutes.revokeApiKey, (request) => revokeApiKey(keyParts, request)),
]);

/** Nobody answers for an agent but a person, who is not the agent itself. */
async function mustBeAPerson(ownerId: string, userId: string): Promise<void> {
  const owner = ownerId === userId ? null : await identities.get(ownerId);
  if (owner && owner.owner_id === null) return;
  const errors = [{ field: 'body.owner_id', expected: 'the id of another user, who is no agent', received: ownerId }];
  throw new ApiError('validation_failed', 'Somebody else has to answer for an agent.', { errors });
}

/** What callers see; where the user's audit chain stands is nobody's business. */
const viewOf = (user: IdentityRecord): UserView => userView.parse(user);

const notFound = (): ApiError => new ApiError('not_found', 'There is no such resource, or it is not yours.');
