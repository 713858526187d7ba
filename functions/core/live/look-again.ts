/** What becomes of open connections when rights were taken away: those that nothing is left of are closed, others follow less. */
import type { Actor, RolePermissions } from '../identity/actor.ts';
import { currentActor, type SessionRules } from '../identity/current.ts';
import type { Restrictions } from '../security/ports.ts';
import { subjectName } from '../security/responses.ts';
import { frame } from './deliver.ts';
import type { LiveStore, PostToConnection } from './ports.ts';

type Holder = Parameters<typeof currentActor>[0] & { readonly restrictions: Restrictions };

/** Whose connection it is, with the rights of this moment; null when nothing is left of them, or their key is suspended. */
export async function currentHolder(
  stores: Holder,
  then: Actor,
  granted: RolePermissions,
  rules: SessionRules,
): Promise<Actor | null> {
  const { credential } = then;
  const [actor, restrictions] = await Promise.all([
    currentActor(stores, then, granted, rules),
    credential.kind === 'api_key' ? stores.restrictions.of(subjectName({ key_id: credential.key_id }), rules.now) : null,
  ]);
  return restrictions?.has('suspend_key') ? null : actor;
}

export interface LookAgainParts {
  readonly store: Pick<LiveStore, 'connectionsOf' | 'topicsOf' | 'disconnect' | 'unsubscribe'>;
  readonly holderOf: (connectionId: string) => Promise<Actor | null>;
  readonly mayFollow: (actor: Actor, topic: string) => Promise<boolean>;
  readonly close: (connectionId: string) => Promise<unknown>;
  readonly post: PostToConnection;
  /** Told of a connection that could not be looked at. */
  readonly onFailure: (connectionId: string, error: unknown) => void;
}

/**
 * Looks at every connection of a user. Doing it again changes nothing, so it fails as a whole, to be done again, when one of them could
 * not be looked at; the others are seen to before.
 */
export async function lookAgainAt(
  parts: LookAgainParts,
  userId: string,
): Promise<{ readonly closed: readonly string[]; readonly ended: number }> {
  const closed: string[] = [];
  let ended = 0;
  let failures = 0;
  for (const connection of await parts.store.connectionsOf(userId)) {
    try {
      const holder = await parts.holderOf(connection);
      if (holder) ended += await endLost(parts, connection, holder);
      else {
        await parts.close(connection);
        await parts.store.disconnect(connection);
        closed.push(connection);
      }
    } catch (error) {
      failures += 1;
      parts.onFailure(connection, error);
    }
  }
  if (failures > 0) throw new Error(`${failures} connections could not be looked at`);
  return { closed, ended };
}

/** Ends the subscriptions to what this holder may no longer see. */
async function endLost(parts: LookAgainParts, connection: string, holder: Actor): Promise<number> {
  let ended = 0;
  for (const topic of await parts.store.topicsOf(connection)) {
    if (await parts.mayFollow(holder, topic)) continue;
    await parts.store.unsubscribe(topic, connection);
    ended += 1;
    if ((await parts.post(connection, frame({ type: 'unsubscribed', topic }))) === 'gone')
      await parts.store.disconnect(connection);
  }
  return ended;
}
