/** Figures about deciding, made from the requests themselves: what nobody wrote down for the purpose cannot be out of step with what happened. */
import type { Approval, ApprovalStatus, Decision } from '../../contracts/approval.ts';
import type { ApprovalMetrics, Durations } from '../../contracts/approval-metrics.ts';
import type { ApprovalStore } from './ports.ts';

/** Faster than anybody reads. */
const RUBBER_STAMP_MS = 3000;
/** So many are looked at of each way to end, the newest first. */
const MOST_ROWS = 2000;
const PAGE_ROWS = 100;
const ENDS = ['approved', 'denied', 'expired', 'withdrawn'] as const satisfies readonly ApprovalStatus[];

interface Time {
  readonly from: string;
  readonly to: string;
}

/** Requests opened within the time, that have ended. Ids grow with time, and so does a list of them. */
export async function endedWithin(
  store: Pick<ApprovalStore, 'list'>,
  { from, to }: Time,
): Promise<{ readonly rows: readonly Approval[]; readonly complete: boolean }> {
  const ofEach = await Promise.all(ENDS.map((status) => readBack(store, status, from)));
  const rows = ofEach.flatMap((one) => one.rows).filter((row) => row.created_at >= from && row.created_at <= to);
  return { rows, complete: ofEach.every((one) => one.complete) };
}

async function readBack(store: Pick<ApprovalStore, 'list'>, status: ApprovalStatus, from: string) {
  const rows: Approval[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.list(status, PAGE_ROWS, cursor);
    rows.push(...page.items);
    cursor = page.cursor;
    if ((rows.at(-1)?.created_at ?? from) < from) return { rows, complete: true };
  } while (cursor !== null && rows.length < MOST_ROWS);
  return { rows, complete: cursor === null };
}

export function metricsOf(
  rows: readonly Approval[],
  { from, to }: Time,
  complete: boolean,
): Omit<ApprovalMetrics, 'notifications'> {
  const count = (status: ApprovalStatus, of = rows): number => of.filter((row) => row.status === status).length;
  const closed = (of: readonly Approval[]) => ({
    approved: count('approved', of),
    denied: count('denied', of),
    expired: count('expired', of),
    withdrawn: count('withdrawn', of),
  });
  const decisions = rows.flatMap((row) => row.decisions.map((made) => ({ made, took: tookOf(row, made) })));
  const approvals = decisions.filter(({ made }) => made.decision === 'approve');
  const ofSeveral = rows.filter((row) => row.decisions.length > 1);
  return {
    ...{ from, to, complete, closed: closed(rows) },
    time_to_decide: durationsOf(rows.flatMap(timeToDecide)),
    expired_share: shareOf(count('expired'), rows.length),
    disagreement_share: shareOf(
      ofSeveral.filter((row) => new Set(row.decisions.map((made) => made.decision)).size > 1).length,
      ofSeveral.length,
    ),
    approved_within_3_s_share: shareOf(approvals.filter(isRubberStamp).length, approvals.length),
    by_approver: [...Map.groupBy(decisions, ({ made }) => made.approver.user_id).values()].flatMap((ofOne) => {
      const [first] = ofOne;
      if (!first) return [];
      const agreed = ofOne.filter(({ made }) => made.decision === 'approve');
      return [
        {
          approver: first.made.approver,
          approved: agreed.length,
          denied: ofOne.length - agreed.length,
          approved_within_3_s: agreed.filter(isRubberStamp).length,
          time_to_decide: durationsOf(ofOne.map(({ took }) => took)),
        },
      ];
    }),
    by_rule: [...Map.groupBy(rows, (row) => row.rule.name)].map(([rule, ofRule]) => ({
      ...{ rule, ...closed(ofRule) },
      time_to_decide: durationsOf(ofRule.flatMap(timeToDecide)),
    })),
  };
}

const isRubberStamp = ({ took }: { readonly took: number }): boolean => took < RUBBER_STAMP_MS;

/** Until the last decision of a request that people decided. */
function timeToDecide(row: Approval): number[] {
  const isDecided = row.status === 'approved' || row.status === 'denied';
  const last = row.decisions.at(-1);
  return isDecided && last ? [Date.parse(last.decided_at) - Date.parse(row.created_at)] : [];
}

/** From the moment a decision of this stage became possible: the request's opening, or the last decision of the stage before. */
function tookOf(row: Approval, { stage, decided_at }: Decision): number {
  const before = row.decisions.filter((made) => made.stage === stage - 1).map((made) => made.decided_at);
  return Date.parse(decided_at) - Date.parse(before.toSorted().at(-1) ?? row.created_at);
}

function durationsOf(milliseconds: readonly number[]): Durations {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const at = (part: number): number | null => sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? null;
  return { count: sorted.length, p50_ms: at(0.5), p95_ms: at(0.95) };
}

const shareOf = (some: number, all: number): number | null => (all === 0 ? null : some / all);
