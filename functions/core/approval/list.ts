/** Lists of requests, by the same rule as a single one. */
import type { Approval, ApprovalStatus, StandingApproval } from '../../contracts/approval.ts';
import type { Actor } from '../identity/actor.ts';
import { authorize } from '../identity/authorize.ts';
import type { Page } from '../page.ts';
import { maySee, reachesStanding } from './access.ts';
import { delegatesNow, hasDecided, isEligible, isExcluded, isSame } from './eligibility.ts';
import type { ApprovalStore } from './ports.ts';

interface Wanted {
  readonly status: ApprovalStatus;
  readonly whose: 'all' | 'mine' | 'to_decide';
  /** Only those that a level of the escalation chain joined. */
  readonly escalated: boolean;
  readonly limit: number;
  readonly cursor: string | null;
}

/** Standing approvals of the teams the reader reaches. */
export const listStandingFor = (
  store: Pick<ApprovalStore, 'listStanding'>,
  actor: Actor,
  limit: number,
  cursor: string | null,
): Promise<Page<StandingApproval>> =>
  visiblePage(
    (left, from) => store.listStanding(left, from),
    (standing) => reachesStanding(actor, standing),
    limit,
    cursor,
  );

/** Pages read for one answer. Where few of many are visible an answer may be short; its cursor says whether there is more. */
const MAX_PAGES = 10;

/** Of those the reader may see, as many as were asked for. */
export async function listFor(
  store: Pick<ApprovalStore, 'list'>,
  actor: Actor,
  wanted: Wanted,
  now: Date,
): Promise<Page<Approval>> {
  return await visiblePage(
    (left, from) => store.list(wanted.status, left, from),
    (row) => maySee(actor, row, now) && (!wanted.escalated || row.level > 0) && isWanted(actor, row, wanted.whose, now),
    wanted.limit,
    wanted.cursor,
  );
}

async function visiblePage<T>(
  read: (limit: number, cursor: string | null) => Promise<Page<T>>,
  isShown: (row: T) => boolean,
  limit: number,
  from: string | null,
): Promise<Page<T>> {
  const items: T[] = [];
  let cursor = from;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    // Never more than are still wanted: the cursor stands behind what was read, not behind what was given.
    const page = await read(limit - items.length, cursor);
    items.push(...page.items.filter(isShown));
    cursor = page.cursor;
    if (cursor === null || items.length >= limit) break;
  }
  return { items, cursor };
}

function isWanted(actor: Actor, row: Approval, whose: Wanted['whose'], now: Date): boolean {
  if (whose === 'all') return true;
  if (whose === 'mine') return isSame(row.requester, actor);
  return waitsFor(actor, row, now);
}

/** Whether the reader could decide it now. */
export function waitsFor(actor: Actor, row: Approval, now: Date): boolean {
  if (!authorize(actor, 'approve') || isExcluded(row, actor)) return false;
  if (row.versions.every((version) => hasDecided(row, actor, version.digest))) return false;
  return isEligible(row, actor) || delegatesNow(row, now).some((delegation) => isSame(delegation.to, actor));
}
