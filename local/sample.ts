import type { z } from 'zod';
import type { ApprovalView } from '../functions/contracts/approval.ts';
import type { ExecutionResult } from '../functions/contracts/execution.ts';
import type { getEvents } from '../functions/contracts/routes/executions.ts';
import { type ApiClient, ApiRefusal, signIn, userOf } from './api-client.ts';
import { LocalCloudFailure } from './failure.ts';
import type { Instance } from './instance.ts';
import { bold, cyan, dim, green, heading, say } from './progress.ts';
import { until } from './wait.ts';

/** Shows the main job through the real API: ask, look, approve, watch, result. Each person has an own session. */
export async function showSample(instance: Instance): Promise<void> {
  const developer = await signIn(instance, 'developer');
  const approver = await signIn(instance, 'approver');

  heading('1. A developer submits an analysis that needs approval');
  const submitted = await submit(developer);
  say(`   ${submitted.execution_id} is ${bold(submitted.status)}, phase ${bold(submitted.phase)}`);

  heading('2. What the approver sees');
  const request = await findApproval(approver, developer, submitted);
  showRequest(request);

  heading('3. The approver agrees to exactly this code');
  await approver.post(`/api/v1/approvals/${request.approval_id}/decision`, {
    decision: 'approve',
    digest: request.digest,
    rationale: 'Reads only its own input and prints a summary.',
  });
  say(`   approved by ${userOf(instance, 'approver').email}`);

  heading('4. The sandbox runs it; its output arrives live');
  await followOutput(developer, submitted.execution_id);

  heading('5. The result');
  showResult(await developer.get<ExecutionResult>(`/api/v1/executions/${submitted.execution_id}`));
}

/** What to type next. Shown at the end of `npm start`. */
export function showNextSteps(instance: Instance): void {
  const { email, password } = userOf(instance, 'developer');
  const approver = userOf(instance, 'approver');
  heading(`Airlock is running at ${cyan(instance.url)}`);
  say(`
  Sign in and run something yourself:

    TOKEN=$(curl -s ${instance.url}/api/v1/auth/login -H 'content-type: application/json' \\
      -d '{"email":"${email}","password":"${password}"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
    curl -s ${instance.url}/api/v1/execute -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \\
      -d '{"language":"python","code":"print(6 * 7)"}'

  It waits for an approver. Open ${cyan(`${instance.url}/approvals`)}, sign in as one (${approver.email}, ${approver.password}),
  read and decide; or by program: GET /api/v1/approvals, then POST /api/v1/approvals/<id>/decision
  {"decision":"approve","digest":"<digest>"}.

  Approvers are asked by mail, too; all of it arrives in ${cyan(instance.inboxUrl)}

  ${bold('npm run local -- status')}   the parts, and every user with its password
  ${bold('npm run local -- logs')}     what the parts say (-f follows)
  ${bold('npm stop')}                  stops everything and keeps its state
`);
}

const analysis = `import json, sys
import pandas as pd

orders = pd.DataFrame(json.load(sys.stdin)["orders"])
print(f"{len(orders)} orders, {orders.amount.sum():.2f} in total", flush=True)
by_region = orders.groupby("region").amount.agg(["count", "sum", "mean"]).round(2)
print(by_region.sort_values("sum", ascending=False).to_string())
`;

const orders = [
  { region: 'north', amount: 120.5 },
  { region: 'south', amount: 80 },
  { region: 'north', amount: 42.25 },
  { region: 'west', amount: 310 },
  { region: 'south', amount: 19.75 },
];

type EventsPage = z.infer<(typeof getEvents)['responses'][200]>;

const submit = (developer: ApiClient): Promise<ExecutionResult> =>
  developer.post<ExecutionResult>('/api/v1/execute', {
    language: 'python',
    code: analysis,
    input_data: { orders },
    approval_required: true,
    justification: 'Monthly summary of orders by region.',
    label: 'sample',
  });

/** The approval opens a moment after the submission, when the state machine has reached it. */
async function findApproval(approver: ApiClient, developer: ApiClient, submitted: ExecutionResult): Promise<ApprovalView> {
  const id = await until({ withinSeconds: 30, everyMilliseconds: 250 }, async () => {
    if (submitted.approval_id !== null) return submitted.approval_id;
    const { approval_id, status } = await developer.get<ExecutionResult>(`/api/v1/executions/${submitted.execution_id}`);
    if (status !== 'pending') throw new LocalCloudFailure(`The sample should wait for an approval; it is ${status}.`);
    return approval_id ?? undefined;
  });
  if (id === undefined) throw new LocalCloudFailure('No approval was asked for within 30 s.');
  const opened = await until({ withinSeconds: 30, everyMilliseconds: 250 }, () => openApproval(approver, id));
  if (opened === undefined) throw new LocalCloudFailure(`The approval ${id} did not open within 30 s.`);
  return opened;
}

/** `undefined` while the state machine has not reached it. */
async function openApproval(approver: ApiClient, id: string): Promise<ApprovalView | undefined> {
  try {
    return await approver.get<ApprovalView>(`/api/v1/approvals/${id}`);
  } catch (error) {
    if (error instanceof ApiRefusal && error.status === 404) return undefined;
    throw error;
  }
}

function showRequest(request: ApprovalView): void {
  const { manifest, risk_factors, risk_level } = request;
  const rows = {
    request: request.approval_id,
    summary: request.summary,
    'asked by': request.requester.email,
    because: request.justification,
    risk: risk_factors.length > 0 ? `${risk_level}: ${risk_factors.join('; ')}` : risk_level,
    limits: manifest && { ...manifest.limits, timeout_seconds: manifest.timeout_seconds, network: manifest.network },
    digest: request.digest,
  };
  for (const [name, value] of Object.entries(rows)) say(`   ${dim(name.padEnd(8))}  ${inWords(value)}`);
  say(`   ${dim('code')}`);
  for (const line of (manifest?.code ?? '').trimEnd().split('\n')) say(`     ${dim('│')} ${line}`);
}

/** Long-polls until the run is over and everything it said has been shown. */
async function followOutput(developer: ApiClient, executionId: string): Promise<void> {
  let after = 0;
  const finished = await until({ withinSeconds: 120, everyMilliseconds: 20 }, async () => {
    const page = await developer.get<EventsPage>(`/api/v1/executions/${executionId}/events?after=${after}&wait=20`);
    for (const event of page.events) {
      if (event.type === 'stdout' || event.type === 'stderr') process.stdout.write(event.text.replace(/^(?=.)/gm, '   '));
    }
    after = page.last_seq;
    return page.complete ? true : undefined;
  });
  if (finished === undefined) throw new LocalCloudFailure(`${executionId} did not finish within 120 s.`);
}

function showResult({ status, error, duration_seconds, resource_usage, digest }: ExecutionResult): void {
  if (status !== 'completed') {
    throw new LocalCloudFailure(`The sample ended as ${status}: ${error?.code ?? 'no code'} ${error?.message ?? ''}`);
  }
  say(`   ${green(status)}${duration_seconds === null ? '' : ` after ${duration_seconds} s`}`);
  say(`   ${dim('used')}    ${inWords(resource_usage)}`);
  say(`   ${dim('digest')}  ${digest}, the one that was approved`);
}

/** A value for a person's eyes: text as it is, a record as `name value` pairs. */
function inWords(value: unknown): string {
  if (value === undefined || value === null) return '–';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.map(inWords).join(', ') || '–';
  return Object.entries(value)
    .map(([name, part]) =>
      name.endsWith('_bytes') && typeof part === 'number'
        ? `${name.slice(0, -'_bytes'.length)} ${(part / 1024 / 1024).toFixed(0)} MB`
        : `${name.replaceAll('_', ' ')} ${inWords(part)}`,
    )
    .join(', ');
}
