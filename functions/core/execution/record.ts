/** The last step of every execution: what is true of it is written down, once, whatever happened before. */
import type { Execution } from '../../contracts/execution.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import type { RecordInput, RecordOutput } from '../../contracts/tasks.ts';
import type { ApprovalStore } from '../approval/ports.ts';
import type { Clock } from '../clock.ts';
import { outputBytes, readSegments, writeArchive } from './log.ts';
import { outcomeOf, outcomeWithoutRun } from './outcome.ts';
import type { ExecutionStore, LiveLog, ObjectStore } from './ports.ts';
import { finish, update } from './transitions.ts';

export interface RecordParts {
  readonly executions: ExecutionStore;
  readonly approvals: Pick<ApprovalStore, 'get'>;
  readonly objects: ObjectStore;
  readonly live: Pick<LiveLog, 'close'>;
  readonly clock: Clock;
}

export async function record(parts: RecordParts, input: RecordInput): Promise<RecordOutput> {
  const row = await parts.executions.get(input.execution_id);
  if (!row || row.attempt !== input.attempt) return { outcome: 'lost_attempt' };
  if (row.phase === 'done') return { outcome: 'already_recorded' };

  const events =
    row.phase === 'running' || row.phase === 'collecting' ? await readSegments(parts.objects, row.execution_id, 0) : [];
  const failure = await failureOf(parts, input, row, events);
  const outcome = events.length > 0 || !failure ? outcomeOf(events, row.language, failure) : outcomeWithoutRun(failure);
  const lastSeq = events.at(-1)?.seq ?? 0;
  // Before the row says that it is done: whoever reads a finished run's log reads it there.
  await writeArchive(parts.objects, row.execution_id, events);
  const { row: after, changed } = await update(parts.executions, row.execution_id, parts.clock.now(), (current) =>
    finish(current, input.attempt, outcome, { last_seq: lastSeq, output_offset: outputBytes(events) }, parts.clock.now()),
  );
  if (!changed) return { outcome: after?.phase === 'done' ? 'already_recorded' : 'lost_attempt' };
  await parts.live.close(row.execution_id, lastSeq);
  return { outcome: 'recorded' };
}

type Failure = Parameters<typeof outcomeWithoutRun>[0];

/** Null when the `exit` event itself says how the run ended. */
async function failureOf(
  parts: RecordParts,
  input: RecordInput,
  row: Execution,
  events: readonly RunEvent[],
): Promise<Failure | null> {
  if (input.kind === 'result') return null;
  // A program that had ended by itself was not cancelled, whoever asked for it later.
  const exit = events.find((event) => event.type === 'exit');
  if (row.cancel_requested && (!exit || exit.reason === 'cancelled')) return cancelled(row.cancel_requested);
  if (input.kind === 'failure') return { code: input.code, message: input.message };
  const approval = row.approval.approval_id ? await parts.approvals.get(row.approval.approval_id) : null;
  if (approval?.status === 'expired') {
    return approval.rule.on_expiry === 'cancel'
      ? { code: 'cancelled', message: 'Nobody decided in time, and the rule cancels what nobody decides.' }
      : { code: 'approval_expired', message: 'Nobody decided in time, and silence is never consent.' };
  }
  if (approval?.status === 'withdrawn') return { code: 'approval_withdrawn', message: 'The request was withdrawn.' };
  if (approval?.status !== 'denied') return { code: 'internal_error', message: 'The execution was refused without a decision.' };
  const denial = approval.decisions.findLast((made) => made.decision === 'deny');
  const rationale = denial?.rationale ? `: ${denial.rationale}` : '.';
  return { code: 'approval_denied', message: `${denial?.approver.email ?? 'An approver'} denied it${rationale}` };
}

const cancelled = (request: { reason: string }): Failure => ({ code: 'cancelled', message: `Cancelled: ${request.reason}` });
