/**
 * The keeper: keeps the pool at its size, finds out which tasks came up or died, stops what nobody needs, and admits who waits. One
 * pass is safe to run at any time, by any number of callers, and mends whatever an earlier pass left half done.
 */
import type { ResourceLimits } from '../../contracts/manifest.ts';
import type { Sandbox, SandboxIn } from '../../contracts/sandbox.ts';
import type { Clock, Ids } from '../clock.ts';
import type { ExecutionStore, TaskTokens } from '../execution/ports.ts';
import { admitNext, DEFAULT_POOL, inTurn, type Line, lineNow } from './line.ts';
import type { SandboxProvider, SandboxStore, TaskState } from './ports.ts';

export interface KeeperParts {
  readonly sandboxes: SandboxStore;
  readonly executions: ExecutionStore;
  readonly provider: SandboxProvider;
  readonly tokens: TaskTokens;
  /** Asks inside the VPC whether the supervisor answers; that marks the sandbox idle. Does not wait. */
  readonly probe: (sandbox: { sandbox_id: string; task_arn: string; address: string }) => Promise<void>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly settings: {
    poolSize: number;
    spare: number;
    maxIdleSeconds: number;
    maxConcurrent: number;
    imageId: string;
    ticketKeyId: string;
  };
}

/** A task that has not come up by then is given up; Fargate needs tens of seconds. */
const START_PATIENCE_MS = 5 * 60_000;
const SURPLUS_PATIENCE_MS = 2 * 60_000;
const UNSEEN_MS = 60_000;
/** A probe waits inside the VPC for most of a minute; another before that would only wait beside it. */
const PROBE_AGAIN_MS = 60_000;

export async function keepPool(parts: KeeperParts): Promise<{ started: number; admitted: number; stillStarting: number }> {
  // First: what follows asks the provider for tasks, which may refuse them, and nobody who could run must wait for that.
  const line = await lineNow(parts);
  const admitted = await admitNext({ ...parts, maxConcurrent: parts.settings.maxConcurrent }, line);
  const wanted = sandboxesWanted(parts.settings, line, admitted.length);
  const { starting: stillStarting, failure } = await followTasks(parts, wanted);
  if (failure) throw failure;
  const started = await refill(parts, wanted);
  return { started, admitted: admitted.length, stillStarting: stillStarting + started };
}

/** What prestarted interpreters are started under: one pool serves every environment, and a run lowers itself to its own limits. */
export function largestLimits(all: readonly ResourceLimits[]): ResourceLimits {
  const largest = (name: keyof ResourceLimits) => Math.max(...all.map((limits) => limits[name]));
  return {
    memory_bytes: largest('memory_bytes'),
    cpu: largest('cpu'),
    disk_bytes: largest('disk_bytes'),
    processes: largest('processes'),
    open_files: largest('open_files'),
  };
}

/** Stops the tasks of sandboxes that ended. Called with what the table's stream shows. */
export async function stopTask(
  parts: Pick<KeeperParts, 'provider'>,
  sandbox: { task_arn?: string | undefined; reason: string },
): Promise<void> {
  if (sandbox.task_arn) await parts.provider.stop(sandbox.task_arn, sandbox.reason);
}

/**
 * Stops what runs and serves nobody: tasks without a row or of a sandbox that ended, and sandboxes claimed for an execution that is
 * done or went on elsewhere. Looks at what really runs, so nothing an earlier pass lost track of stays.
 */
export async function stopOrphans(parts: Pick<KeeperParts, 'sandboxes' | 'executions' | 'provider' | 'clock'>): Promise<number> {
  const tasks = await parts.provider.describe(await parts.provider.listRunning());
  let stopped = 0;
  for (const task of tasks) {
    // Not one of ours, as far as can be told.
    if (!task.sandbox_id) continue;
    const row = await parts.sandboxes.get(task.sandbox_id);
    const end = await orphanReason(parts, row);
    if (!end) continue;
    stopped += 1;
    // The row's own change stops the task; a task without a living row has nobody else to stop it.
    if (row && row.status !== 'stopped') await parts.sandboxes.markStopped(row.sandbox_id, end, parts.clock.now());
    else await parts.provider.stop(task.task_arn, end);
  }
  return stopped;
}

async function orphanReason(parts: Pick<KeeperParts, 'executions'>, row: Sandbox | null): Promise<string | null> {
  if (!row) return 'no sandbox is known for this task';
  if (row.status === 'stopped') return row.reason;
  if (row.status !== 'claimed') return null;
  const execution = await parts.executions.get(row.execution_id);
  if (!execution || execution.phase === 'done') return 'its execution ended';
  if (execution.attempt > row.attempt && !('sandbox_id' in execution && execution.sandbox_id === row.sandbox_id))
    return 'its execution went on elsewhere';
  return null;
}

/**
 * How many should stand ready or come up: the pool less what is in use, some to spare at any rate, and one for each that waits for
 * nothing else. A sandbox for those beyond what their user may run would only stand beside them.
 */
function sandboxesWanted(settings: KeeperParts['settings'], { waiting, pool }: Line, justAdmitted: number): number {
  const { poolSize, spare, maxConcurrent } = settings;
  const inUse = pool.admitted.length + justAdmitted;
  const { next } = inTurn(waiting, pool.admitted);
  return Math.max(spare, poolSize - inUse) + Math.min(maxConcurrent, next.length);
}

async function refill(parts: KeeperParts, wanted: number): Promise<number> {
  let started = 0;
  while (started < wanted) {
    const at = parts.clock.now().toISOString();
    const sandbox: SandboxIn<'starting'> = {
      sandbox_id: `sbx_${parts.ids.uuid()}`,
      pool: DEFAULT_POOL,
      ticket_key_id: parts.settings.ticketKeyId,
      status: 'starting',
      created_at: at,
      updated_at: at,
    };
    if (!(await parts.sandboxes.addStarting(sandbox, wanted))) break;
    await startTask(parts, sandbox.sandbox_id);
    started += 1;
  }
  return started;
}

async function startTask(parts: KeeperParts, sandboxId: string): Promise<TaskState> {
  const task = await parts.provider.start(sandboxId);
  await parts.sandboxes.setTask(sandboxId, task.task_arn);
  return task;
}

/** Looks after every pool member that serves nobody: probes those that run, gives up those that died or came up too late. */
async function followTasks(parts: KeeperParts, wanted: number): Promise<{ starting: number; failure: unknown }> {
  const pool = await parts.sandboxes.pool(DEFAULT_POOL);
  const members = await Promise.all([...pool.starting, ...pool.idle].map((id) => parts.sandboxes.get(id)));
  const arns = members.flatMap((member) => (member?.task_arn ? [member.task_arn] : []));
  const tasks = new Map((await parts.provider.describe(arns)).map((task) => [task.task_arn, task]));
  let starting = 0;
  let failure: unknown = null;
  let surplus = members.length - wanted;
  for (const member of members) {
    if (!member) continue;
    if (member.status === 'stopped' || member.status === 'claimed') {
      // Whoever stopped or claimed it was cut off before it took it out of the sets.
      await parts.sandboxes.leavePool(member.sandbox_id, DEFAULT_POOL);
      continue;
    }
    const task = member.task_arn ? tasks.get(member.task_arn) : undefined;
    const end = reasonToStop(member, task, parts) ?? (surplus > 0 && isRested(member, parts) ? 'no longer needed' : null);
    if (end) {
      surplus -= 1;
      await parts.sandboxes.markStopped(member.sandbox_id, end, parts.clock.now());
    } else if (member.status === 'starting') {
      starting += 1;
      // A crash between the row and RunTask leaves a row without a task; starting it again is the same task.
      const started = member.task_arn
        ? task
        : await startTask(parts, member.sandbox_id).catch((error: unknown) => {
            // The others are looked after all the same.
            failure = error;
            return undefined;
          });
      if (started?.address && (await parts.sandboxes.beginProbe(member.sandbox_id, parts.clock.now(), PROBE_AGAIN_MS))) {
        await parts.probe({ sandbox_id: member.sandbox_id, task_arn: started.task_arn, address: started.address });
      }
    }
  }
  return { starting, failure };
}

/** After a burst, what was started for it goes; not at once, since a burst seldom comes alone. */
const isRested = (member: Sandbox, { clock }: Pick<KeeperParts, 'clock'>): boolean =>
  member.status === 'idle' && clock.now().getTime() - Date.parse(member.updated_at) > SURPLUS_PATIENCE_MS;

function reasonToStop(
  member: SandboxIn<'starting'> | SandboxIn<'idle'>,
  task: TaskState | undefined,
  parts: Pick<KeeperParts, 'clock' | 'settings'>,
): string | null {
  const ageMs = parts.clock.now().getTime() - Date.parse(member.updated_at);
  if (task?.status === 'stopped') return `the task stopped: ${task.stopped_reason ?? 'no reason given'}`;
  // A task that was started a moment ago may not be shown yet.
  if (member.task_arn && !task && ageMs > UNSEEN_MS) return 'the task is gone';
  if (member.status === 'starting' && ageMs > START_PATIENCE_MS) return 'the task did not come up in time';
  if (member.status === 'idle' && member.image_id !== parts.settings.imageId) return 'a newer image is offered';
  if (member.ticket_key_id !== parts.settings.ticketKeyId) return 'tickets are signed with another key';
  if (member.status === 'idle' && ageMs > parts.settings.maxIdleSeconds * 1000) return 'idle for too long';
  return null;
}
