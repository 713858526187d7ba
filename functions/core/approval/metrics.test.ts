import { expect, it } from 'vitest';
import { openApprovalOf } from '../../../test/support/entities.ts';
import type { Approval, Decision } from '../../contracts/approval.ts';
import { endedWithin, metricsOf } from './metrics.ts';
import type { ApprovalStore } from './ports.ts';

const at = (seconds: number): string => new Date(Date.parse('2026-11-23T10:00:00.000Z') + seconds * 1000).toISOString();
const time = { from: at(-1), to: at(10_000) };

const decided = (approver: string, decision: Decision['decision'], seconds: number, stage = 0): Decision => ({
  ...{ approver: { user_id: approver, email: `${approver}@example.org` }, on_behalf_of: null, decision, digest: 'a'.repeat(64) },
  ...{ stage, rationale: null, standing: null, decided_at: at(seconds) },
});

function ended(
  status: 'approved' | 'denied' | 'expired' | 'withdrawn',
  decisions: Decision[],
  more: Partial<Approval> = {},
): Approval {
  const row = { ...openApprovalOf(), created_at: at(0), decisions, closed_at: at(100), ...more };
  return (
    status === 'approved' ? { ...row, status, approved_digest: 'a'.repeat(64), standing_approval_id: null } : { ...row, status }
  ) as Approval;
}

it('of nothing there are no figures, and no zeros that look like some', () => {
  expect(metricsOf([], time, true)).toMatchObject({
    closed: { approved: 0, denied: 0, expired: 0, withdrawn: 0 },
    time_to_decide: { count: 0, p50_ms: null, p95_ms: null },
    ...{ expired_share: null, disagreement_share: null, approved_within_3_s_share: null },
    ...{ by_approver: [], by_rule: [] },
  });
});

it('tells who approves faster than they can have read, in each stage from its beginning', () => {
  const rows = [
    ended('approved', [decided('ann', 'approve', 60), decided('bob', 'approve', 62, 1)]),
    ended('approved', [decided('bob', 'approve', 120)]),
    ended('denied', [decided('ann', 'deny', 1)]),
  ];
  const metrics = metricsOf(rows, time, true);
  expect(metrics.approved_within_3_s_share).toBeCloseTo(1 / 3);
  expect(metrics.by_approver).toEqual([
    {
      approver: { user_id: 'ann', email: 'ann@example.org' },
      ...{ approved: 1, denied: 1, approved_within_3_s: 0 },
      time_to_decide: { count: 2, p50_ms: 1000, p95_ms: 60_000 },
    },
    {
      approver: { user_id: 'bob', email: 'bob@example.org' },
      ...{ approved: 2, denied: 0, approved_within_3_s: 1 },
      time_to_decide: { count: 2, p50_ms: 2000, p95_ms: 120_000 },
    },
  ]);
  expect(metrics.time_to_decide).toEqual({ count: 3, p50_ms: 62_000, p95_ms: 120_000 });
});

it('counts what expired, and where people were not of one mind', () => {
  const rows = [
    ended('expired', [decided('ann', 'approve', 5)]),
    ended('denied', [decided('ann', 'approve', 5), decided('bob', 'deny', 6)]),
    ended('approved', [decided('ann', 'approve', 5), decided('bob', 'approve', 6)]),
    ended('withdrawn', []),
  ];
  expect(metricsOf(rows, time, true)).toMatchObject({ expired_share: 0.25, disagreement_share: 0.5 });
  expect(metricsOf(rows, time, true).by_rule).toMatchObject([{ approved: 1, denied: 1, expired: 1, withdrawn: 1 }]);
});

it('reads back as far as was asked, and says when there is more than it looks at', async () => {
  const rows = Array.from({ length: 250 }, (_, index) => ended('approved', [], { created_at: at(-index) }));
  let reads = 0;
  const store: Pick<ApprovalStore, 'list'> = {
    async list(status, limit, cursor) {
      reads += 1;
      const start = Number(cursor ?? 0);
      if (status !== 'approved') return { items: [], cursor: null };
      const items = rows.slice(start, start + limit);
      return { items, cursor: start + limit < rows.length ? String(start + limit) : null };
    },
  };
  const found = await endedWithin(store, { from: at(-120), to: at(0) });
  expect(found.rows).toHaveLength(121);
  expect(found.complete).toBe(true);
  expect(reads).toBe(5);
  const endless: Pick<ApprovalStore, 'list'> = { list: async () => ({ items: rows.slice(0, 100), cursor: 'more' }) };
  expect((await endedWithin(endless, { from: at(-1_000_000), to: at(0) })).complete).toBe(false);
});
