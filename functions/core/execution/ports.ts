import type { AuditRecord } from '../../contracts/audit.ts';
import type { Execution, ExecutionPhase, ExecutionStatus } from '../../contracts/execution.ts';
import type { Language } from '../../contracts/manifest.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import type { Visible } from '../identity/authorize.ts';
import type { Page } from '../page.ts';

export interface ExecutionFilter {
  /** Only this requester's; unset means everybody's. */
  readonly requester_id?: string | undefined;
  /** What the reader may see; unset means everything. */
  readonly visible?: Visible | undefined;
  readonly status?: ExecutionStatus | undefined;
  readonly language?: Language | undefined;
  readonly label?: string | undefined;
  readonly created_after?: string | undefined;
  readonly created_before?: string | undefined;
}

export interface IdempotencyKey {
  readonly user_id: string;
  readonly key: string;
  /** sha256 of the request as it came. */
  readonly request_hash: string;
}

export type RepeatOutcome =
  | { readonly outcome: 'repeated'; readonly execution_id: string }
  | { readonly outcome: 'key_used_otherwise' };
export type CreateOutcome = { readonly outcome: 'created' } | RepeatOutcome;

export interface ExecutionStore {
  get(executionId: string): Promise<Execution | null>;
  /** Row, first audit record and idempotency key in one transaction, or none of them. */
  create(execution: Execution, record: AuditRecord, key: IdempotencyKey | null): Promise<CreateOutcome>;
  /** What `create` would find under this key now; null when the key is free. */
  findRepeat(key: IdempotencyKey): Promise<RepeatOutcome | null>;
  /** Writes what differs between the two rows, and the audit record; `conflict` when anybody wrote since `before` was read. */
  save(before: Execution, after: Execution, record: AuditRecord): Promise<'saved' | 'conflict'>;
  /** How far a run's events are durable. Not audited; false when the attempt is no longer the one that serves the execution. */
  checkpoint(
    executionId: string,
    attempt: number,
    checkpoint: { phase: 'running' | 'collecting'; last_seq: number; output_offset: number },
  ): Promise<boolean>;
  /**
   * Rows that are not done, in one phase, those untouched longest first; page by page, since some wait for weeks, and must not hide
   * those behind them. Eventually consistent. A row that cannot be read is left out, and told of: it must not hide the others either.
   */
  everyOpen(
    phase: Exclude<ExecutionPhase, 'done'>,
    unreadable?: (executionId: string, error: unknown) => void,
  ): AsyncIterable<Execution>;
  /** How many of somebody's are not done, counted no further than `most`. Eventually consistent. */
  countOpen(requesterId: string, most: number): Promise<number>;
  list(filter: ExecutionFilter, limit: number, cursor: string | null): Promise<Page<Execution>>;
  auditTrail(executionId: string): Promise<AuditRecord[]>;
}

/** Content-addressed and append-only objects: manifests, inputs, event segments, artifacts. */
export interface ObjectStore {
  put(key: string, bytes: Uint8Array, contentType: string): Promise<void>;
  /** Of known length and hash: an object that has others is not stored. */
  putStream(
    key: string,
    body: AsyncIterable<Uint8Array>,
    content: { readonly size_bytes: number; readonly sha256: string },
    contentType: string,
  ): Promise<void>;
  /** null when there is no such object. */
  get(key: string): Promise<Uint8Array | null>;
  getStream(key: string): Promise<{ body: AsyncIterable<Uint8Array>; size: number } | null>;
  list(prefix: string, after?: string): Promise<string[]>;
  /** What is known of an object without reading it; null when there is none. */
  stat(key: string): Promise<{ size: number; writtenAt: Date } | null>;
  /** A link that anybody holding it may read for so long, which downloads under the given name and is never rendered. */
  presignGet(key: string, options: { expiresInSeconds: number; fileName: string; contentType: string }): Promise<string>;
}

/** Links with which somebody without credentials may write one object. */
export interface UploadLinks {
  /** For exactly so many bytes of exactly this hash; the headers have to be sent along. */
  presignPut(
    key: string,
    options: { expiresInSeconds: number; sizeBytes: number; sha256: string },
  ): Promise<{ url: string; headers: Record<string, string> }>;
}

/** The live half of a run's log: may be lost at any time, and then answers null or throws nothing. */
export interface LiveLog {
  /** Repeating an event that is already there changes nothing. False when the log could not be reached. */
  append(executionId: string, events: readonly RunEvent[]): Promise<boolean>;
  /** Events after `after`, or null when the log could not be reached. */
  read(executionId: string, after: number, limit: number): Promise<RunEvent[] | null>;
  /** Resolves when something after `after` may be there, the execution is closed, or the time is over. */
  waitBeyond(executionId: string, after: number, timeoutMs: number): Promise<void>;
  /** Wakes whoever waits: nothing comes after `lastSeq`. */
  close(executionId: string, lastSeq: number): Promise<void>;
}

/** The state machine `execution`. */
export interface ExecutionMachine {
  /** Starting the same attempt twice is once. */
  start(executionId: string, attempt: number): Promise<void>;
}

/** Completes a waiting state. A token that is unknown, used or expired is no error: whoever waited is gone or was told already. */
export interface TaskTokens {
  complete(token: string): Promise<void>;
}
