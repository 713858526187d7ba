/** Requests that wait for a human, and are not left to wait when their tests are over: of one person only so many may be undone. */
import { afterAll } from 'vitest';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { as, type Submission, submit, until } from './airlock.ts';

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

afterAll(async () => {
  const developer = await as('developer');
  // Those that were decided refuse it.
  for (const { path } of left.splice(0)) await developer.call('POST', `/api/v1${path}/withdraw`, {});
});
