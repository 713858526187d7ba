/** Rows as callers see them. */
import type { AuditRecord } from '../../contracts/audit.ts';
import type { Execution, ExecutionResult, ExecutionSummary } from '../../contracts/execution.ts';
import type { Actor } from '../identity/actor.ts';
import { authorize, type Resource } from '../identity/authorize.ts';
import type { QueuePlace } from '../sandbox/line.ts';
import type { ExecutionStore } from './ports.ts';

export const resourceOf = (row: Execution): Resource => ({
  owner_id: row.requester.user_id,
  team: row.team ?? null,
  environment: row.environment,
  label: row.label ?? null,
});

/** The row when this actor may read it; one that is not there and one of others take the same calls and give the same answer. */
export async function visibleRow(
  executions: Pick<ExecutionStore, 'get'>,
  actor: Actor,
  executionId: string,
): Promise<Execution | null> {
  const row = await executions.get(executionId);
  return row && authorize(actor, 'read_state', resourceOf(row)) ? row : null;
}

export function summaryOf(row: Execution): ExecutionSummary {
  return {
    execution_id: row.execution_id,
    status: row.status,
    phase: row.phase,
    language: row.language,
    requester: row.requester,
    label: row.label ?? null,
    team: row.team ?? null,
    environment: row.environment,
    security_profile: row.security_profile,
    digest: row.digest,
    approval_id: row.approval.approval_id ?? null,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

export function resultOf(row: Execution, trail: readonly AuditRecord[], place: QueuePlace | null): ExecutionResult {
  const outcome = row.phase === 'done' ? row.outcome : null;
  return {
    ...summaryOf(row),
    justification: row.justification ?? null,
    approval_reasons: row.approval.reasons,
    limits: row.limits,
    timeout_seconds: row.timeout_seconds,
    queue_position: place?.position ?? null,
    queue_estimate_seconds: place?.estimate_seconds ?? null,
    started_at: 'run_started_at' in row ? (row.run_started_at ?? null) : null,
    finished_at: row.phase === 'done' ? row.finished_at : null,
    exit_code: outcome?.exit_code ?? null,
    signal: outcome?.signal ?? null,
    output: outcome?.output ?? '',
    error_output: outcome?.error_output ?? '',
    output_truncated: outcome ? outcome.stdout.truncated || outcome.stderr.truncated || isCut(outcome) : false,
    error: outcome?.error ?? null,
    resource_usage: outcome?.resource_usage ?? null,
    duration_seconds: outcome?.duration_seconds ?? null,
    prestarted: outcome?.prestarted ?? null,
    files_created: outcome?.files ?? [],
    files_skipped: outcome?.files_skipped ?? [],
    last_seq: 'last_seq' in row ? row.last_seq : 0,
    output_offset: 'output_offset' in row ? row.output_offset : 0,
    audit_trail: trail.map(({ sequence, action, actor, at, details }) => ({ sequence, action, actor, at, details })),
  };
}

/** The row holds only the first part of long output; the events have the rest. */
const isCut = (outcome: {
  output: string;
  error_output: string;
  stdout: { bytes: number };
  stderr: { bytes: number };
}): boolean =>
  Buffer.byteLength(outcome.output) < outcome.stdout.bytes || Buffer.byteLength(outcome.error_output) < outcome.stderr.bytes;
