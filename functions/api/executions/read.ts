import type { Execution, ExecutionResult } from '../../contracts/execution.ts';
import type * as routes from '../../contracts/routes/executions.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import { artifactKey } from '../../core/execution/dispatch.ts';
import { readLog } from '../../core/execution/log.ts';
import { resultOf, summaryOf, visibleRow } from '../../core/execution/view.ts';
import type { Actor } from '../../core/identity/actor.ts';
import { visibleTo } from '../../core/identity/authorize.ts';
import { placeInLine } from '../../core/sandbox/line.ts';
import type { ApiAnswer, ApiRequest } from '../../runtime/api-handler.ts';
import { ApiError, refuseCursor } from '../../runtime/errors.ts';
import type { Parts } from './index.ts';

const PAGE_SIZE = 20;
const EVENTS_AT_ONCE = 500;
const LINK_SECONDS = 60;

export async function listExecutions(
  parts: Parts,
  { actor, query }: ApiRequest<typeof routes.listExecutions>,
): Promise<ApiAnswer<typeof routes.listExecutions>> {
  const { requester, limit, cursor, ...filter } = query;
  const visible = visibleTo(actor);
  const requesterId = visible.owner_id ?? requester;
  // Somebody who sees only their own and asks for others' gets an empty list, like a requester that does not exist.
  if (requester !== undefined && requesterId !== requester) return { status: 200, body: { executions: [], next_cursor: null } };
  const page = await parts.executions
    .list({ ...filter, requester_id: requesterId, visible }, limit ?? PAGE_SIZE, cursor ?? null)
    .catch(refuseCursor);
  return { status: 200, body: { executions: page.items.map(summaryOf), next_cursor: page.cursor } };
}

export async function getExecution(
  parts: Parts,
  { actor, params }: ApiRequest<typeof routes.getExecution>,
): Promise<ApiAnswer<typeof routes.getExecution>> {
  const row = await seenRow(parts, actor, params.execution_id);
  return { status: 200, body: await viewOf(parts, row) };
}

/** What a reader waits for. Where a run merely goes on, its samples are collected and delivered a few times a second. */
const isNews = (event: RunEvent): boolean => event.type !== 'usage' && event.type !== 'started';
const SAMPLES_AFTER_MS = 250;

/** Answers at once with news that is there, else after the first news, the end, or the time asked for. */
export async function getEvents(
  parts: Parts,
  { actor, params, query }: ApiRequest<typeof routes.getEvents>,
): Promise<ApiAnswer<typeof routes.getEvents>> {
  const after = query.after ?? 0;
  const limit = query.limit ?? EVENTS_AT_ONCE;
  const startedAt = parts.clock.now().getTime();
  const until = startedAt + (query.wait ?? 0) * 1000;
  while (true) {
    const row = await seenRow(parts, actor, params.execution_id);
    const events = await readLog(parts, row, { after, limit });
    const lastSeq = events.at(-1)?.seq ?? after;
    const complete = row.phase === 'done' && lastSeq >= row.last_seq;
    const now = parts.clock.now().getTime();
    const left = (events.length > 0 ? Math.min(until, startedAt + SAMPLES_AFTER_MS) : until) - now;
    if (events.some(isNews) || events.length >= limit || complete || left <= 0) {
      return { status: 200, body: { events, last_seq: lastSeq, status: row.status, phase: row.phase, complete } };
    }
    await parts.live.waitBeyond(row.execution_id, lastSeq, left);
  }
}

export async function getFile(
  parts: Parts,
  { actor, params }: ApiRequest<typeof routes.getFile>,
): Promise<ApiAnswer<typeof routes.getFile>> {
  const row = await seenRow(parts, actor, params.execution_id);
  const file = row.phase === 'done' ? row.outcome.files.find((candidate) => candidate.file_id === params.file_id) : undefined;
  if (!file) throw notFound();
  const { name, size_bytes, sha256, content_type } = file;
  const url = await parts.objects.presignGet(artifactKey(row.execution_id, file.file_id), {
    expiresInSeconds: LINK_SECONDS,
    fileName: name,
    contentType: content_type,
  });
  return {
    status: 302,
    body: { url, expires_in_seconds: LINK_SECONDS, name, size_bytes, sha256, content_type },
    headers: { location: url },
  };
}

export async function viewOf(parts: Parts, row: Execution): Promise<ExecutionResult> {
  const [trail, place] = await Promise.all([
    parts.executions.auditTrail(row.execution_id),
    placeInLine({ ...parts, maxConcurrent: parts.configuration.interpreter.max_concurrent_executions }, row),
  ]);
  return resultOf(row, trail, place);
}

/** Not there and not yours are one answer. */
export async function seenRow(parts: Parts, actor: Actor, executionId: string): Promise<Execution> {
  const row = await visibleRow(parts.executions, actor, executionId);
  if (!row) throw notFound();
  return row;
}

export const notFound = (): ApiError => new ApiError('not_found', 'There is no such resource, or it is not yours.');
