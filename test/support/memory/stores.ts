/** The ports in memory, for rules that need a store and no cloud. Held to the same contract tests as the real adapters. */
import type { AuditRecord } from '../../../functions/contracts/audit.ts';
import type { Execution } from '../../../functions/contracts/execution.ts';
import type { Upload } from '../../../functions/contracts/file.ts';
import type { Sandbox } from '../../../functions/contracts/sandbox.ts';
import type { RunEvent } from '../../../functions/contracts/sandbox-protocol.ts';
import type {
  ExecutionStore,
  IdempotencyKey,
  LiveLog,
  ObjectStore,
  RepeatOutcome,
  TaskTokens,
} from '../../../functions/core/execution/ports.ts';
import type { UploadStore } from '../../../functions/core/execution/uploads.ts';
import type { Visible } from '../../../functions/core/identity/authorize.ts';
import type { Place, SandboxStore } from '../../../functions/core/sandbox/ports.ts';
import { sha256 } from '../../../functions/core/text/json.ts';
import { NOW } from '../entities.ts';

const copy = <T>(value: T): T => structuredClone(value);

export function memoryExecutions(): ExecutionStore & { readonly audit: AuditRecord[] } {
  const rows = new Map<string, Execution>();
  const keys = new Map<string, { request_hash: string; execution_id: string }>();
  const audit: AuditRecord[] = [];
  const nameOf = ({ user_id, key }: IdempotencyKey) => `${user_id}#${key}`;
  const repeatOf = (key: IdempotencyKey): RepeatOutcome | null => {
    const earlier = keys.get(nameOf(key));
    if (!earlier) return null;
    return earlier.request_hash === key.request_hash
      ? { outcome: 'repeated', execution_id: earlier.execution_id }
      : { outcome: 'key_used_otherwise' };
  };
  return {
    audit,
    async get(id) {
      const row = rows.get(id);
      return row ? copy(row) : null;
    },
    async create(execution, record, key) {
      const earlier = key && repeatOf(key);
      if (earlier) return earlier;
      if (rows.has(execution.execution_id)) throw new Error(`execution ${execution.execution_id} exists already`);
      if (key) keys.set(nameOf(key), { request_hash: key.request_hash, execution_id: execution.execution_id });
      rows.set(execution.execution_id, copy({ ...execution, audit_length: record.sequence, audit_head: record.hash }));
      audit.push(copy(record));
      return { outcome: 'created' };
    },
    async findRepeat(key) {
      return repeatOf(key);
    },
    async save(before, after, record) {
      const row = rows.get(before.execution_id);
      if (!row || row.audit_length !== before.audit_length) return 'conflict';
      rows.set(
        before.execution_id,
        copy({
          ...after,
          ...('last_seq' in row && 'last_seq' in after && 'last_seq' in before && after.last_seq === before.last_seq
            ? { last_seq: row.last_seq, output_offset: row.output_offset }
            : {}),
        }),
      );
      audit.push(copy(record));
      return 'saved';
    },
    async checkpoint(id, attempt, { phase, last_seq, output_offset }) {
      const row = rows.get(id);
      if (!row || row.attempt !== attempt || (row.phase !== 'running' && row.phase !== 'collecting')) return false;
      rows.set(id, { ...row, phase, last_seq, output_offset, updated_at: new Date().toISOString() });
      return true;
    },
    async *everyOpen(phase) {
      const open = [...rows.values()].filter((row) => row.phase === phase);
      yield* open.sort((a, b) => a.updated_at.localeCompare(b.updated_at)).map(copy);
    },
    async countOpen(requesterId, most) {
      const open = [...rows.values()].filter((row) => row.phase !== 'done' && row.requester.user_id === requesterId);
      return Math.min(open.length, most);
    },
    async list(filter, limit, cursor) {
      const matching = [...rows.values()]
        .filter(
          (row) =>
            (filter.visible === undefined || isVisible(filter.visible, row)) &&
            (filter.requester_id === undefined || row.requester.user_id === filter.requester_id) &&
            (filter.status === undefined || row.status === filter.status) &&
            (filter.language === undefined || row.language === filter.language) &&
            (filter.label === undefined || row.label === filter.label) &&
            (filter.created_after === undefined || row.created_at > filter.created_after) &&
            (filter.created_before === undefined || row.created_at < filter.created_before),
        )
        .sort((a, b) => b.execution_id.localeCompare(a.execution_id))
        .filter((row) => cursor === null || row.execution_id < cursor);
      const items = matching.slice(0, limit);
      return { items: items.map(copy), cursor: matching.length > limit ? (items.at(-1)?.execution_id ?? null) : null };
    },
    async auditTrail(id) {
      return audit.filter((record) => record.entity_id === id).map(copy);
    },
  };
}

/** As a store filters; that it is what `authorize` answers is for the contract test to say. */
function isVisible(visible: Visible, row: Execution): boolean {
  const isListed = (list: readonly string[] | undefined, value: string | undefined) =>
    list === undefined || (value !== undefined && list.includes(value));
  const isReached =
    visible.owner_id === null
      ? visible.teams === null ||
        row.team === undefined ||
        row.requester.user_id === visible.reader_id ||
        visible.teams.includes(row.team)
      : row.requester.user_id === visible.owner_id;
  return (
    isReached &&
    isListed(visible.environments, row.environment) &&
    isListed(visible.labels, row.label) &&
    isListed(visible.only_teams, row.team)
  );
}

export function memorySandboxes(): SandboxStore {
  const rows = new Map<string, Sandbox>();
  const pools = new Map<string, { starting: Set<string>; idle: Set<string>; admitted: Map<string, Place> }>();
  const means = { starts: 0, start_ms: 0, runs: 0, run_ms: 0 };
  const leases = new Map<string, number>();
  const poolOf = (name: string) => {
    const pool = pools.get(name) ?? { starting: new Set(), idle: new Set(), admitted: new Map() };
    pools.set(name, pool);
    return pool;
  };
  return {
    async get(id) {
      const row = rows.get(id);
      return row ? copy(row) : null;
    },
    async pool(name) {
      const { starting, idle, admitted } = poolOf(name);
      return {
        starting: [...starting],
        idle: [...idle],
        admitted: [...admitted.values()],
        mean_start_seconds: means.starts > 0 ? means.start_ms / means.starts / 1000 : null,
        mean_run_seconds: means.runs > 0 ? means.run_ms / means.runs / 1000 : null,
      };
    },
    async addStarting(sandbox, size) {
      const pool = poolOf(sandbox.pool);
      if (pool.starting.size + pool.idle.size >= size) return false;
      pool.starting.add(sandbox.sandbox_id);
      rows.set(sandbox.sandbox_id, copy(sandbox));
      return true;
    },
    async setTask(id, taskArn) {
      const row = rows.get(id);
      if (row) rows.set(id, { ...row, task_arn: taskArn });
    },
    async beginProbe(id, now, againAfterMs) {
      const row = rows.get(id);
      if (row?.status !== 'starting') return false;
      if (row.probed_at && Date.parse(row.probed_at) >= now.getTime() - againAfterMs) return false;
      rows.set(id, { ...row, probed_at: now.toISOString() });
      return true;
    },
    async markIdle(id, facts, now) {
      const row = rows.get(id);
      if (row?.status !== 'starting') return false;
      const { pool, created_at, ticket_key_id } = row;
      rows.set(id, { sandbox_id: id, pool, ticket_key_id, created_at, updated_at: now.toISOString(), status: 'idle', ...facts });
      poolOf(pool).starting.delete(id);
      poolOf(pool).idle.add(id);
      means.starts += 1;
      means.start_ms += now.getTime() - Date.parse(created_at);
      return true;
    },
    async claim(id, execution, now) {
      const row = rows.get(id);
      if (row?.status !== 'idle' || row.image_id !== execution.image_id) return null;
      const { execution_id, attempt } = execution;
      const claimed = { ...row, status: 'claimed' as const, execution_id, attempt, updated_at: now.toISOString() };
      rows.set(id, claimed);
      return copy(claimed);
    },
    async leavePool(id, pool) {
      poolOf(pool).starting.delete(id);
      poolOf(pool).idle.delete(id);
    },
    async markStopped(id, reason, now) {
      const row = rows.get(id);
      if (!row) return false;
      poolOf(row.pool).starting.delete(id);
      poolOf(row.pool).idle.delete(id);
      if (row.status === 'stopped') return false;
      const { pool, created_at, ticket_key_id } = row;
      const task = row.task_arn ? { task_arn: row.task_arn } : {};
      rows.set(id, {
        sandbox_id: id,
        pool,
        created_at,
        ticket_key_id,
        ...task,
        updated_at: now.toISOString(),
        status: 'stopped',
        reason,
        expires_at_seconds: 0,
      });
      return true;
    },
    async admit(name, place, most) {
      const { admitted } = poolOf(name);
      const own = [...admitted.values()].filter((other) => other.user_id === place.user_id).length;
      if (!admitted.has(place.execution_id) && (admitted.size >= most.inAll || own >= most.ofUser)) return false;
      admitted.set(place.execution_id, place);
      return true;
    },
    async releasePlace(name, place, usedSeconds) {
      if (!poolOf(name).admitted.delete(place.execution_id) || usedSeconds === null) return;
      means.runs += 1;
      means.run_ms += usedSeconds * 1000;
    },
    async lease(name, now, milliseconds) {
      if ((leases.get(name) ?? 0) >= now.getTime()) return false;
      leases.set(name, now.getTime() + milliseconds);
      return true;
    },
    async endLease(name) {
      leases.delete(name);
    },
  };
}

export function memoryObjects(): ObjectStore & { readonly objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    async put(key, bytes) {
      objects.set(key, new Uint8Array(bytes));
    },
    async putStream(key, body, content) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const isAnnounced = bytes.length === content.size_bytes && sha256(bytes) === content.sha256;
      if (!isAnnounced) throw new Error(`other bytes than announced for ${key}`);
      objects.set(key, bytes);
    },
    async get(key) {
      return objects.get(key) ?? null;
    },
    async getStream(key) {
      const bytes = objects.get(key);
      if (!bytes) return null;
      return {
        size: bytes.byteLength,
        body: (async function* () {
          yield bytes;
        })(),
      };
    },
    async stat(key) {
      const bytes = objects.get(key);
      return bytes ? { size: bytes.byteLength, writtenAt: NOW } : null;
    },
    async list(prefix, after = '') {
      return [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    },
    async presignGet(key) {
      return `memory:${key}`;
    },
  };
}

export function memoryUploads(): UploadStore {
  const rows = new Map<string, { upload: Upload; usableUntil: Date }>();
  return {
    async put(upload, usableUntil) {
      if (rows.has(upload.file_id)) throw new Error(`${upload.file_id} was announced before`);
      rows.set(upload.file_id, { upload: copy(upload), usableUntil });
    },
    async get(fileId) {
      const row = rows.get(fileId);
      return row && row.usableUntil.getTime() > Date.now() ? copy(row.upload) : null;
    },
    async markVerified(fileId) {
      const row = rows.get(fileId);
      if (row) row.upload = { ...row.upload, verified: true };
    },
  };
}

export function memoryLiveLog(): LiveLog & { isAway: boolean } {
  const logs = new Map<string, RunEvent[]>();
  return {
    isAway: false,
    async append(id, events) {
      if (this.isAway) return false;
      const log = logs.get(id) ?? [];
      const top = log.at(-1)?.seq ?? 0;
      logs.set(id, [...log, ...events.filter((event) => event.seq > top)]);
      return true;
    },
    async read(id, after, limit) {
      return this.isAway ? null : (logs.get(id) ?? []).filter((event) => event.seq > after).slice(0, limit);
    },
    async waitBeyond() {},
    async close() {},
  };
}

export function memoryTokens(): TaskTokens & { readonly completed: string[] } {
  const completed: string[] = [];
  return {
    completed,
    async complete(token) {
      completed.push(token);
    },
  };
}
