/** Runs through the whole stack, as an API client has them. */
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import type { RunEvent } from '../../functions/contracts/sandbox-protocol.ts';
import { as, call, type EventsAnswer, finished, type Submission, submit, until } from '../support/airlock.ts';

/** Milliseconds since 1970, finer than a millisecond, on the clock that the parts of one machine share. */
export const now = (): number => performance.timeOrigin + performance.now();

export const submitTrusted = (request: Submission): Promise<ExecutionResult> =>
  submit({ ...request, security_profile: 'trusted', label: 'bench' });

export interface SeenOutput {
  readonly executionId: string;
  readonly submittedAt: number;
  /** When the client had the answer to its submission, and the first output. */
  readonly answeredAt: number;
  readonly seenAt: number;
  readonly events: readonly RunEvent[];
}

/** Submits, and long-polls until the first output is there. */
export async function submitUntilOutput(request: Submission): Promise<SeenOutput> {
  const developer = await as('developer');
  const submittedAt = now();
  const { execution_id: executionId } = await submitTrusted(request);
  const answeredAt = now();
  const events: RunEvent[] = [];
  for (let after = 0; ; ) {
    const { body } = await developer.call<EventsAnswer>('GET', `/api/v1/executions/${executionId}/events?after=${after}&wait=20`);
    events.push(...body.events);
    after = body.last_seq;
    if (events.some((event) => event.type === 'stdout')) return { executionId, submittedAt, answeredAt, seenAt: now(), events };
    if (body.complete) throw new Error(`${executionId} ended as ${body.status} without output: ${await endOf(executionId)}`);
  }
}

const endOf = async (executionId: string): Promise<string> => JSON.stringify((await finished(executionId)).error);

/** When the product itself says that something happened. */
export function auditTime(result: ExecutionResult, action: string): number {
  const entry = result.audit_trail.find((candidate) => candidate.action === action);
  if (!entry) throw new Error(`${result.execution_id} has no audit record "${action}"`);
  return Date.parse(entry.at);
}

export function eventTime(events: readonly RunEvent[], type: RunEvent['type']): number {
  const event = events.find((candidate) => candidate.type === type);
  if (!event) throw new Error(`there is no event ${type}`);
  return Date.parse(event.at);
}

const POOL_PATIENCE_MS = 90_000;
/** What a refill leaves behind (images mounted, interpreters loading) settles in this time. */
const SETTLE_MS = 300;

/** Waits until the pool is full again and nothing starts, so that the next run is warm and has the machine for itself. */
export async function poolIsFull(): Promise<void> {
  await until(
    'a full pool of idle sandboxes',
    async () => {
      const { body } = await call<{ sandboxes: { idle: number; size: number } }>('GET', '/api/v1/health');
      return body.sandboxes.idle >= body.sandboxes.size;
    },
    POOL_PATIENCE_MS,
  );
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
