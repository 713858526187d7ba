import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoExecutions } from '../../adapters/dynamo/executions.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { taskTokens } from '../../adapters/sfn/machine.ts';
import type { Approval, ApprovalView } from '../../contracts/approval.ts';
import * as routes from '../../contracts/routes/approvals.ts';
import { decide, updateApproval } from '../../core/approval/decide.ts';
import { approvalSummaryOf, approvalViewOf } from '../../core/approval/view.ts';
import { readManifest } from '../../core/execution/manifest.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError, refuseCursor } from '../../runtime/errors.ts';
import { log } from '../../runtime/log.ts';
import { clock, wait } from '../../runtime/system.ts';

const environment = environmentOf('api/approvals');
const approvals = dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: environment.AUDIT_TABLE });
const executions = dynamoExecutions({ executions: environment.EXECUTIONS_TABLE, audit: environment.AUDIT_TABLE });
const objects = s3Objects(environment.DATA_BUCKET);

export const handler = apiHandler(environment, [
  route(routes.listApprovals, async ({ query }) => {
    const page = await approvals.list(query.status ?? 'open', query.limit ?? 20, query.cursor ?? null).catch(refuseCursor);
    return ok({ approvals: page.items.map(approvalSummaryOf), next_cursor: page.cursor });
  }),

  route(routes.getApproval, async ({ params }) => ok(await viewOf(await openedRequest(params.approval_id)))),

  route(routes.decideApproval, async ({ actor, params, body }) => {
    await openedRequest(params.approval_id);
    const now = clock.now();
    const { row } = await updateApproval(approvals, params.approval_id, now, (request) => {
      const decided = decide(request, actor, body, now);
      if (decided.outcome === 'refused') throw new ApiError(decided.code, decided.detail);
      return decided;
    });
    if (!row) throw notFound();
    // The decision is durable. Waking the machine at once saves the stream's moment; if it fails, the stream wakes it.
    if (row.status !== 'open' && row.task_token) {
      await taskTokens
        .complete(row.task_token)
        .catch((error: unknown) => log.error('waking the machine failed', error, { approval_id: row.approval_id }));
    }
    return ok(await viewOf(row));
  }),
]);

async function viewOf(row: Approval): Promise<ApprovalView> {
  const { manifest } = await readManifest(objects, row.manifest_key, row.digest);
  return approvalViewOf(row, manifest);
}

const OPENING_TRIES = 20;
const OPENING_PAUSE_MS = 100;

/** The request of a just submitted execution is opened by its machine a moment later; whoever was told its id need not know that. */
async function openedRequest(approvalId: string): Promise<Approval> {
  for (let tries = 0; tries < OPENING_TRIES; tries += 1) {
    const row = await approvals.get(approvalId);
    if (row) return row;
    const execution = await executions.get(approvalId.replace(/^apr_/, 'exec_'));
    if (execution?.phase !== 'awaiting_approval') break;
    await wait(OPENING_PAUSE_MS);
  }
  throw notFound();
}

const notFound = (): ApiError => new ApiError('not_found', 'There is no such resource, or it is not yours.');
