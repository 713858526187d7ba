import type { ExecutionResult } from '../../contracts/execution.ts';
import type { Upload } from '../../contracts/file.ts';
import { type execute as executeRoute, LONG_POLL_MAX_SECONDS } from '../../contracts/routes/executions.ts';
import { appendToChain, detailsAt, EMPTY_CHAIN } from '../../core/audit/chain.ts';
import type { RepeatOutcome } from '../../core/execution/ports.ts';
import { blobKey, type InputFile, prepareSubmission } from '../../core/execution/submit.ts';
import { adoptUpload } from '../../core/execution/uploads.ts';
import { resourceOf } from '../../core/execution/view.ts';
import type { Actor } from '../../core/identity/actor.ts';
import { authorize } from '../../core/identity/authorize.ts';
import { mostOpen } from '../../core/policy/limits.ts';
import type { ApiAnswer, ApiRequest } from '../../runtime/api-handler.ts';
import { ApiError } from '../../runtime/errors.ts';
import { idempotencyKeyOf } from '../../runtime/idempotency.ts';
import { log } from '../../runtime/log.ts';
import type { Parts } from './index.ts';
import { viewOf } from './read.ts';

type Request = ApiRequest<typeof executeRoute>;

export async function execute(parts: Parts, request: Request): Promise<ApiAnswer<typeof executeRoute>> {
  const waitUntil = parts.clock.now().getTime() + preferredWait(request.headers.prefer) * 1000;
  const executionId = await submit(parts, request);
  const view = await waitUntilDone(parts, executionId, waitUntil);
  const location = { location: `/api/v1/executions/${executionId}` };
  if (view.phase === 'done') return { status: 200, body: view, headers: location };
  return { status: 202, body: view, headers: location };
}

/** Everything durable is written before the machine starts; a crash between is mended by the reconciler. */
async function submit(parts: Parts, request: Request): Promise<string> {
  const now = parts.clock.now();
  const key = idempotencyKeyOf(request);
  const mayHaveOpen = mostOpen(parts.configuration, request.actor.roles);
  const [repeat, uploads, open] = await Promise.all([
    key && parts.executions.findRepeat(key),
    announcedUploads(parts, request.body),
    parts.executions.countOpen(request.actor.user_id, mayHaveOpen),
  ]);
  // What was uploaded for the first one may be gone by now.
  if (repeat) return await firstUnderKey(parts, request.actor, repeat);
  const prepared = prepareSubmission(request.body, {
    uploads,
    actor: request.actor,
    configuration: parts.configuration,
    imageId: parts.imageId,
    executionId: `exec_${parts.ids.uuid()}`,
    now,
  });
  if (prepared.outcome === 'forbidden') throw new ApiError('forbidden', prepared.detail);
  if (prepared.outcome === 'blocked') {
    const errors = prepared.findings.map(({ line, message, level }) => ({
      field: line === null ? 'body.code' : `body.code, line ${line}`,
      expected: `code below the risk ${level}`,
      received: message,
    }));
    throw new ApiError('policy_blocked', `The review finds the risk ${prepared.level}, which is not run here.`, { errors });
  }
  if (prepared.outcome === 'invalid') {
    throw new ApiError('validation_failed', 'The request asks for what is not offered.', { errors: prepared.errors });
  }
  if (open >= mayHaveOpen) {
    throw new ApiError(
      'too_many_requests',
      `${open} of your executions are not done, and no more may be. Wait until some are, or cancel them.`,
    );
  }
  const { execution, manifestBytes, files } = prepared.submission;
  await adoptUploads(parts, files, now);
  await Promise.all([
    parts.objects.put(execution.manifest_key, manifestBytes, 'application/json'),
    ...files.flatMap(({ source, sha256: hash }) =>
      'bytes' in source ? [parts.objects.put(blobKey(hash), source.bytes, 'application/octet-stream')] : [],
    ),
  ]);
  const { credential } = request.actor;
  const { record } = appendToChain(execution.execution_id, EMPTY_CHAIN, {
    action: 'submitted',
    actor: request.actor.user_id,
    at: now.toISOString(),
    details: detailsAt(execution.audit_level, {
      digest: execution.digest,
      language: execution.language,
      approval_required: execution.approval.required,
      ...(credential.kind === 'api_key' ? { with_key: credential.key_id } : {}),
    }),
  });
  const created = await parts.executions.create(execution, record, key);
  if (created.outcome !== 'created') return await firstUnderKey(parts, request.actor, created);
  // What is written runs: where the machine cannot be started now, the reconciler starts it within a minute or two.
  await parts.machine.start(execution.execution_id, 1).catch((error: unknown) => log.error('the machine did not start', error));
  return execution.execution_id;
}

/** The execution that came first, where this actor could have submitted it: a key of narrower scope learns nothing of it. */
async function firstUnderKey({ executions }: Parts, actor: Actor, repeat: RepeatOutcome): Promise<string> {
  if (repeat.outcome === 'repeated') {
    const row = await executions.get(repeat.execution_id);
    if (row && authorize(actor, 'execute_code', resourceOf(row))) return repeat.execution_id;
  }
  throw new ApiError(
    'idempotency_mismatch',
    'This Idempotency-Key came with another request before. Use a new key for a new request.',
  );
}

/** What is known of the uploads a request names. */
async function announcedUploads(parts: Parts, body: Request['body']): Promise<Map<string, Upload>> {
  const fileIds = new Set((body.files ?? []).flatMap((file) => file.file_id ?? []));
  const found = await Promise.all([...fileIds].map((fileId) => parts.uploads.get(fileId)));
  return new Map(found.flatMap((upload) => (upload ? [[upload.file_id, upload]] : [])));
}

/** One after the other: together they may be hundreds of megabytes. */
async function adoptUploads(parts: Parts, files: readonly InputFile[], now: Date): Promise<void> {
  const adopted = new Set<string>();
  for (const [index, { source }] of files.entries()) {
    if (!('upload' in source) || adopted.has(source.upload.file_id)) continue;
    const answer = await adoptUpload(parts, source.upload, now);
    adopted.add(source.upload.file_id);
    if (answer === 'adopted') continue;
    const { size_bytes, sha256: announced } = source.upload;
    const received = answer === 'missing' ? 'nothing was uploaded yet' : 'other bytes were uploaded';
    const errors = [
      { field: `body.files[${index}].file_id`, expected: `${size_bytes} bytes with the hash ${announced}`, received },
    ];
    throw new ApiError('validation_failed', 'An upload is not what was announced.', { errors });
  }
}

/** `Prefer: wait=<seconds>` (RFC 7240), at most as long as a long poll. Other preferences are ignored, as that RFC says. */
function preferredWait(prefer: string | undefined): number {
  const seconds = /(?:^|[,;\s])wait\s*=\s*(\d{1,6})(?:$|[,;\s])/.exec(prefer ?? '')?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds), LONG_POLL_MAX_SECONDS);
}

/** The time counts from the request on: what its files took is part of it, and the gateway waits for nobody. */
async function waitUntilDone(parts: Parts, executionId: string, until: number): Promise<ExecutionResult> {
  for (let seen = 0; ; ) {
    const row = await parts.executions.get(executionId);
    if (!row) throw new Error(`execution ${executionId} vanished after it was written`);
    const left = until - parts.clock.now().getTime();
    // Nobody waits for a human here: that takes longer than a connection lives.
    if (row.phase === 'done' || row.phase === 'awaiting_approval' || left <= 0) return await viewOf(parts, row);
    await parts.live.waitBeyond(executionId, seen, left);
    const news = await parts.live.read(executionId, seen, 1000);
    seen = news?.at(-1)?.seq ?? seen;
    // The log ends a moment before the row is written.
    if (news?.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
