/** Requests that wait for a human, and are not left to wait when their tests are over: of one person only so many may be undone. */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll } from 'vitest';
import type { ApprovalRule } from '../../functions/contracts/approval-rule.ts';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { as, type Submission, submit, until } from './airlock.ts';
import { output, tables } from './faults.ts';

export type Waiting = ExecutionResult & { readonly path: string };

const left: Waiting[] = [];

/** Submitted, and its request is there to be decided. */
export async function waiting(request: Partial<Submission> = {}): Promise<Waiting> {
  const submitted = await submit({ language: 'python', code: 'print(1)', approval_required: true, ...request });
  const path = `/approvals/${submitted.approval_id}`;
  const approver = await as('approver');
  await until(`the request ${path}`, async () => (await approver.call('GET', `/api/v1${path}`)).status === 200);
  const made = { ...submitted, path };
  left.push(made);
  return made;
}

/** What no configuration of this instance says: a request whose rule is, in part, the test's. */
export async function rewriteRule({ approval_id }: Waiting, rule: Partial<ApprovalRule>): Promise<void> {
  const names = Object.keys(rule);
  await tables.send(
    new UpdateCommand({
      TableName: output('ApprovalsTableName'),
      Key: { approval_id },
      UpdateExpression: `SET ${names.map((_, index) => `#rule.#n${index} = :v${index}`).join(', ')}`,
      ExpressionAttributeNames: { '#rule': 'rule', ...Object.fromEntries(names.map((name, index) => [`#n${index}`, name])) },
      ExpressionAttributeValues: Object.fromEntries(Object.values(rule).map((value, index) => [`:v${index}`, value])),
    }),
  );
}

afterAll(async () => {
  const developer = await as('developer');
  // Those that were decided refuse it.
  for (const { path } of left.splice(0)) await developer.call('POST', `/api/v1${path}/withdraw`, {});
});
