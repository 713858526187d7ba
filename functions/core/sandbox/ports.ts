import type { Sandbox, SandboxIn } from '../../contracts/sandbox.ts';
import type { Health, Refusal, RunEvent } from '../../contracts/sandbox-protocol.ts';

/** A place among the executions that run at the same time. */
export interface Place {
  readonly execution_id: string;
  readonly user_id: string;
}

/** The pool's members that serve nobody yet, and who holds a place. */
export interface PoolState {
  readonly starting: readonly string[];
  readonly idle: readonly string[];
  readonly admitted: readonly Place[];
  /** What it took on average so far, in seconds; null when there was none. */
  readonly mean_start_seconds: number | null;
  readonly mean_run_seconds: number | null;
}

export interface SandboxStore {
  get(sandboxId: string): Promise<Sandbox | null>;
  /** Strongly consistent. */
  pool(pool: string): Promise<PoolState>;
  /** Adds a member while fewer than `size` are starting or idle; exact under any number of callers. */
  addStarting(sandbox: SandboxIn<'starting'>, size: number): Promise<boolean>;
  setTask(sandboxId: string, taskArn: string): Promise<void>;
  /** True for one caller every so often: whoever gets it asks the sandbox whether it is ready. */
  beginProbe(sandboxId: string, now: Date, againAfterMs: number): Promise<boolean>;
  /** starting → idle, in its row and in the pool or in neither; false when the sandbox is anything else by now. */
  markIdle(sandboxId: string, facts: { task_arn: string; address: string; image_id: string }, now: Date): Promise<boolean>;
  /** idle → claimed for exactly one caller, who has `leavePool` follow. */
  claim(
    sandboxId: string,
    execution: { execution_id: string; attempt: number; image_id: string },
    now: Date,
  ): Promise<SandboxIn<'claimed'> | null>;
  /** Takes a sandbox that serves somebody out of the pool's sets; until then claims try it in vain. */
  leavePool(sandboxId: string, pool: string): Promise<void>;
  /** Any state → stopped; leaves the pool. False when it was stopped already. */
  markStopped(sandboxId: string, reason: string, now: Date): Promise<boolean>;
  /**
   * Takes a place among the concurrent executions, at most so many in all and so many of one person; true also when the execution
   * holds one already. Both bounds are exact under any number of callers.
   */
  admit(pool: string, place: Place, most: { readonly inAll: number; readonly ofUser: number }): Promise<boolean>;
  /** Gives the place back, and remembers how long it was used. Repeating it changes nothing. */
  releasePlace(pool: string, place: Place, usedSeconds: number | null): Promise<void>;
  /** True for one caller until the time is over. */
  lease(name: string, now: Date, milliseconds: number): Promise<boolean>;
  endLease(name: string): Promise<void>;
}

export interface TaskState {
  readonly task_arn: string;
  readonly sandbox_id: string | null;
  readonly status: 'pending' | 'running' | 'stopped';
  readonly address: string | null;
  readonly stopped_reason: string | null;
}

/** Where sandboxes come from: Fargate now. */
export interface SandboxProvider {
  /** Starting the same sandbox twice is once. */
  start(sandboxId: string): Promise<TaskState>;
  describe(taskArns: readonly string[]): Promise<TaskState[]>;
  stop(taskArn: string, reason: string): Promise<void>;
  listRunning(): Promise<string[]>;
}

export type RunStream =
  | { readonly outcome: 'streaming'; readonly events: AsyncIterable<readonly RunEvent[]> }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  /** Nothing answered at that address. */
  | { readonly outcome: 'unreachable' };

/** The supervisor inside one sandbox. */
export interface Supervisor {
  health(): Promise<Health | null>;
  putFile(ticket: string, sha256: string, body: AsyncIterable<Uint8Array>, size: number): Promise<Refusal | null>;
  run(ticket: string, manifestBytes: Uint8Array, signal: AbortSignal): Promise<RunStream>;
  reattach(ticket: string, after: number, signal: AbortSignal): Promise<RunStream>;
  cancel(ticket: string, reason: string): Promise<'cancelled' | 'not_running' | 'unreachable'>;
  getFile(ticket: string, fileId: string): Promise<AsyncIterable<Uint8Array> | null>;
}

/** Run tickets on their way from the gate to the dispatcher. */
export interface TicketStore {
  put(executionId: string, attempt: number, ticket: string, expiresAt: Date): Promise<void>;
  get(executionId: string, attempt: number): Promise<string | null>;
}
