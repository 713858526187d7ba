/** What those who follow approval requests are told of one: each as they are at this moment, and only if they may see it. */
import type { Approval } from '../../contracts/approval.ts';
import { APPROVALS_TOPIC } from '../../contracts/live.ts';
import { maySee } from '../approval/access.ts';
import { waitsFor } from '../approval/list.ts';
import { approvalSummaryOf } from '../approval/view.ts';
import type { Actor } from '../identity/actor.ts';
import { authorize } from '../identity/authorize.ts';
import { frame } from './deliver.ts';
import type { LiveStore, PostToConnection } from './ports.ts';

/** Whoever may list requests; which of them, is asked at each. */
export const mayFollowApprovals = (actor: Actor): boolean => authorize(actor, 'read_state');

export interface TellParts {
  readonly store: Pick<LiveStore, 'subscribers' | 'disconnect'>;
  readonly holderOf: (connectionId: string) => Promise<Actor | null>;
  readonly post: PostToConnection;
  /** Told of a follower that could not be told. */
  readonly onFailure: (connectionId: string, error: unknown) => void;
}

const AT_ONCE = 20;

/** Returns how many were told. One that fails keeps no other from being told; it comes to the same state with the next change, or by listing. */
export async function tellOfApproval(parts: TellParts, row: Approval, now: Date): Promise<number> {
  const followers = await parts.store.subscribers(APPROVALS_TOPIC);
  let told = 0;
  const tell = async (connection: string): Promise<void> => {
    try {
      const holder = await parts.holderOf(connection);
      if (!holder || !mayFollowApprovals(holder) || !maySee(holder, row, now)) return;
      if ((await parts.post(connection, frameFor(holder, row, now))) === 'gone') await parts.store.disconnect(connection);
      else told += 1;
    } catch (error) {
      parts.onFailure(connection, error);
    }
  };
  for (let first = 0; first < followers.length; first += AT_ONCE)
    await Promise.all(followers.slice(first, first + AT_ONCE).map(({ connection_id }) => tell(connection_id)));
  return told;
}

/** Without the lists of who may decide, which have no bound; a frame has. */
function frameFor(holder: Actor, row: Approval, now: Date): string {
  const { eligible_approvers: _, ...approval } = approvalSummaryOf(row, now);
  const waits_for_you = row.status === 'open' && waitsFor(holder, row, now);
  return frame({ type: 'approval', topic: APPROVALS_TOPIC, change: row.audit_length, waits_for_you, approval });
}
