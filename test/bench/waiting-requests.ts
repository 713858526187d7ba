/** Requests that wait to be decided: of runs, submitted as by anybody; or many at once, written as the product writes them. */
import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import pLimit from 'p-limit';
import type { Approval, OpenApproval } from '../../functions/contracts/approval.ts';
import type { ApprovalRule } from '../../functions/contracts/approval-rule.ts';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { approvalOf, as, submit, until } from '../support/airlock.ts';
import { newExecutionId, openApprovalOf } from '../support/entities.ts';
import { output, settings, tables } from '../support/faults.ts';

/** Submitted, and its request is there to be decided; taken back when `work` is over. */
export async function withWaiting<T>(work: (submitted: ExecutionResult) => Promise<T>): Promise<T> {
  const submitted = await submit({ language: 'python', code: 'print(1)', approval_required: true, label: 'bench' });
  await until('the request', () => approvalOf(submitted).catch(() => null));
  try {
    return await work(submitted);
  } finally {
    await (await as('developer')).call('POST', `/api/v1/approvals/${submitted.approval_id}/withdraw`, {});
  }
}

/** As it is stored. */
export async function requestRow({ approval_id }: Pick<ExecutionResult, 'approval_id'>): Promise<Approval> {
  const row = approval_id === null ? null : await (await approvalStore()).get(approval_id);
  if (!row) throw new Error(`there is no request ${approval_id}`);
  return row;
}

const WRITERS = 16;
const BATCH = 25;

/** Through the product's own store, each with its audit record. There is no run behind them: what is decided leads to nothing. */
export async function withRequests<T>(
  count: number,
  make: (index: number) => Partial<OpenApproval> & { rule?: ApprovalRule },
  work: (requests: readonly OpenApproval[]) => Promise<T>,
): Promise<T> {
  const store = await approvalStore();
  const at = new Date().toISOString();
  const requests = Array.from({ length: count }, (_, index) => {
    const request = openApprovalOf(newExecutionId(), { timeout_minutes: null });
    return { ...request, created_at: at, updated_at: at, stage_started_at: at, ...make(index) };
  });
  const atOnce = pLimit(WRITERS);
  try {
    await atOnce.map(requests, async (request) => {
      const opened = { action: 'opened', actor: request.requester.user_id, at, details: {} };
      const { record } = appendToChain(request.approval_id, EMPTY_CHAIN, opened);
      const end = await store.create(request, record);
      if (end !== 'created') throw new Error(`${request.approval_id} was not written: ${end}`);
    });
    return await work(requests);
  } finally {
    for (let from = 0; from < requests.length; from += BATCH) {
      const gone = requests.slice(from, from + BATCH).map(({ approval_id }) => ({ DeleteRequest: { Key: { approval_id } } }));
      await tables.send(new BatchWriteCommand({ RequestItems: { [output('ApprovalsTableName')]: gone } }));
    }
  }
}

async function approvalStore() {
  // The adapters' client is made when they are loaded, and finds its cloud in the environment, as in a function.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: settings.endpoint,
    AWS_REGION: settings.region,
    AWS_ACCESS_KEY_ID: settings.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: settings.credentials.secretAccessKey,
  });
  const { dynamoApprovals } = await import('../../functions/adapters/dynamo/approvals.ts');
  return dynamoApprovals({ approvals: output('ApprovalsTableName'), audit: output('AuditTableName') });
}
