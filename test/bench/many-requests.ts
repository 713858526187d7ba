import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { ApprovalSummary, ApprovalView, OpenApproval } from '../../functions/contracts/approval.ts';
import type { ApprovalRule } from '../../functions/contracts/approval-rule.ts';
import type { AuditRecord } from '../../functions/contracts/audit.ts';
import { as, type Client } from '../support/airlock.ts';
import { ruleOf, who } from '../support/entities.ts';
import { somebody } from '../support/people.ts';
import { type Measurement, type Row, repeat } from './measurement.ts';
import { requestRow, withRequests, withWaiting } from './waiting-requests.ts';

const WAITING = 1000;
/** Every so manyth is the developer's own. */
const OWN = 100;
const PAGE = 100;

/** What lists cost when much waits. */
export const pendingRequests: Measurement = {
  name: 'pending',
  rounds: { usual: 5, full: 20 },
  async measure(rounds) {
    const [approver, developer] = [await as('approver'), await as('developer')];
    const own = { user_id: developer.user_id, email: 'developer@airlock.local' };
    const make = (index: number) => (index % OWN === 0 ? { requester: own } : {});
    return await withRequests(WAITING, make, async (requests) => {
      const written = new Set(requests.map(({ approval_id }) => approval_id));
      const whole = async (client: Client, whose: string, expected: number): Promise<number> => {
        const startedAt = performance.now();
        const seen = await everyPage(client, whose);
        const took = performance.now() - startedAt;
        const found = seen.filter(({ approval_id }) => written.has(approval_id));
        if (new Set(found.map(({ approval_id }) => approval_id)).size !== expected || found.length !== expected)
          throw new Error(`${whose}: ${expected} were to be listed, ${found.length} were`);
        return took;
      };
      const samples = await repeat(rounds, async () => ({
        first: await onePage(approver),
        all: await whole(approver, 'all', WAITING),
        toDecide: await whole(approver, 'to_decide', WAITING),
        mine: await whole(developer, 'mine', WAITING / OWN),
      }));
      const row = (what: string, which: keyof (typeof samples)[number]) => ({
        ...{ what, unit: 'ms' as const, samples: samples.map((sample) => sample[which]), bars: [] },
      });
      return [
        row(`${WAITING} requests wait: the first ${PAGE} of them`, 'first'),
        row(`  all of them, ${PAGE} a page`, 'all'),
        row('  those for me to decide: all of them', 'toDecide'),
        row(`  mine: ${WAITING / OWN} of them`, 'mine'),
      ];
    });
  },
};

async function onePage(client: Client): Promise<number> {
  const startedAt = performance.now();
  const { status } = await client.call('GET', `/api/v1/approvals?limit=${PAGE}`);
  if (status !== 200) throw new Error(`the list answered ${status}`);
  return performance.now() - startedAt;
}

async function everyPage(client: Client, whose: string): Promise<ApprovalSummary[]> {
  const seen: ApprovalSummary[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const path: string = `/api/v1/approvals?limit=${PAGE}&whose=${whose}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { status, body } = await client.call<{ approvals: ApprovalSummary[]; next_cursor: string | null }>('GET', path);
    if (status !== 200) throw new Error(`the list answered ${status}: ${JSON.stringify(body)}`);
    seen.push(...body.approvals);
    cursor = body.next_cursor;
  }
  return seen;
}

const REQUESTS = 100;
const APPROVERS = 3;
const IN_FLIGHT = 30;
const BUSY_PAUSE_MS = 500;

/** Three people decide a hundred requests, all of them at once, each request by all three in the same moment. */
export const quorum: Measurement = {
  name: 'quorum',
  rounds: { usual: 1, full: 1 },
  async measure() {
    const people = await Promise.all(Array.from({ length: APPROVERS }, () => somebody('approver')));
    const eligible = who({ roles: ['approver'] });
    const rule = ruleOf({ timeout_minutes: null, stages: [{ name: 'all three', required_approvers: APPROVERS, eligible }] });
    // What is decided on is shown with each answer, so it has to be there: the code of one real request.
    return await withWaiting(async (submitted) => {
      const { digest, manifest_key, versions } = await requestRow(submitted);
      return await decidedByAll({ digest, manifest_key, versions }, rule, people);
    });
  },
};

async function decidedByAll(
  shown: Pick<OpenApproval, 'digest' | 'manifest_key' | 'versions'>,
  rule: ApprovalRule,
  people: readonly Client[],
): Promise<Row[]> {
  return await withRequests(
    REQUESTS,
    () => ({ rule, ...shown }),
    async (requests) => {
      const atOnce = pLimit(IN_FLIGHT);
      const startedAt = performance.now();
      const decisions = requests.flatMap((request) => people.map((by) => ({ by, request })));
      const latencies = await atOnce.map(decisions, ({ by, request }) => decided(by, request));
      const took = performance.now() - startedAt;
      await atOnce.map([...requests], (request) => approvedOnce(request, people));
      return [
        {
          what: `${REQUESTS} requests, ${APPROVERS} approvers each, all at once: the whole`,
          unit: 'ms',
          samples: [took],
          bars: [],
        },
        { what: `  one decision, ${IN_FLIGHT} in flight`, unit: 'ms', samples: latencies, bars: [] },
      ];
    },
  );
}

/** As somebody who presses the button again when told to come again. */
async function decided(by: Client, { approval_id, digest }: OpenApproval): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const answer = await by.call('POST', `/api/v1/approvals/${approval_id}/decision`, { decision: 'approve', digest });
    if (answer.status === 200) return performance.now() - startedAt;
    if (answer.status !== 429 && answer.status !== 503)
      throw new Error(`deciding answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    await sleep(BUSY_PAUSE_MS);
  }
}

async function approvedOnce({ approval_id }: OpenApproval, people: readonly Client[]): Promise<void> {
  const [approver, admin] = [await as('approver'), await as('admin')];
  const { body: view } = await approver.call<ApprovalView>('GET', `/api/v1/approvals/${approval_id}`);
  const { body: audit } = await admin.call<{ records: AuditRecord[] }>('GET', `/api/v1/audit?entity_id=${approval_id}`);
  const ids = people.map(({ user_id }) => user_id).sort();
  const decided = view.decisions.map((decision) => decision.approver.user_id).sort();
  const recorded = audit.records.flatMap(({ action, actor }) => (action === 'decided' ? [actor] : [])).sort();
  if (view.status !== 'approved' || String(decided) !== String(ids) || String(recorded) !== String(ids))
    throw new Error(`${approval_id} is ${view.status}, decided by ${decided}, on record ${recorded}`);
}
