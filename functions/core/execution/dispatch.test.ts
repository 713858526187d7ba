import { describe, expect, it } from 'vitest';
import { IMAGE_ID, manifestOf, NOW, newExecutionId, newSandboxId, queuedExecution } from '../../../test/support/entities.ts';
import { memoryExecutions, memoryLiveLog, memoryObjects, memorySandboxes } from '../../../test/support/memory/stores.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import { appendToChain, EMPTY_CHAIN } from '../audit/chain.ts';
import type { RunStream, Supervisor } from '../sandbox/ports.ts';
import { canonicalJson } from '../text/json.ts';
import { type DispatchParts, dispatch } from './dispatch.ts';
import { readSegments } from './log.ts';
import { digestOf } from './submit.ts';
import { claim, requestCancel, update } from './transitions.ts';

const at = NOW.toISOString();
const usage = { cpu_ms: 1, memory_bytes: 1, disk_bytes: 0, processes: 1 };
const stdout = (seq: number, text: string): RunEvent => ({ seq, at, type: 'stdout', text });
const exit = (seq: number): RunEvent => ({
  seq,
  at,
  type: 'exit',
  reason: 'exited',
  exit_code: 0,
  signal: null,
  duration_ms: 5,
  usage,
  stdout: { bytes: 0, truncated: false },
  stderr: { bytes: 0, truncated: false },
  files_skipped: [],
});

type Scripted = Supervisor & { readonly sandboxId: string };

/** A supervisor whose run consists of these events; each connection is cut after so many of them. */
function scripted(events: readonly RunEvent[], cutAfter: number[] = []) {
  const sandboxId = newSandboxId();
  const calls: string[] = [];
  const stream = (after: number): RunStream => {
    const cut = cutAfter.shift() ?? events.length;
    const rest = events.filter((event) => event.seq > after).slice(0, cut);
    return {
      outcome: 'streaming',
      events: (async function* () {
        for (const event of rest) yield [event];
      })(),
    };
  };
  const supervisor: Supervisor = {
    health: async () => ({ status: 'idle', sandbox_id: sandboxId, image_id: IMAGE_ID, prestarted: [] }),
    putFile: async () => null,
    run: async () => {
      calls.push('run');
      return stream(0);
    },
    reattach: async (_, after) => {
      calls.push(`reattach after ${after}`);
      return stream(after);
    },
    cancel: async () => {
      calls.push('cancel');
      return 'cancelled';
    },
    getFile: async () => null,
  };
  return { supervisor: { ...supervisor, sandboxId }, calls };
}

async function prepared(supervisor: Scripted, more: Partial<DispatchParts> = {}) {
  const executionId = newExecutionId();
  const { sandboxId } = supervisor;
  const executions = memoryExecutions();
  const sandboxes = memorySandboxes();
  const objects = memoryObjects();
  const live = memoryLiveLog();
  const bytes = Buffer.from(canonicalJson(manifestOf(executionId)));
  const row = { ...queuedExecution(executionId), digest: digestOf(bytes) };
  await objects.put(row.manifest_key, bytes, 'application/json');
  const { record } = appendToChain(executionId, EMPTY_CHAIN, { action: 'submitted', actor: 'user-1', at, details: {} });
  await executions.create(row, record, null);
  const created = { pool: 'default', ticket_key_id: 'key-1', created_at: at, updated_at: at };
  await sandboxes.addStarting({ sandbox_id: sandboxId, status: 'starting', ...created }, 1);
  await sandboxes.markIdle(sandboxId, { task_arn: 'arn', address: '10.0.0.1', image_id: IMAGE_ID }, NOW);
  await sandboxes.claim(sandboxId, row, NOW);
  await update(executions, executionId, NOW, (current) => claim(current, 1, sandboxId));
  const parts: DispatchParts = {
    executions,
    sandboxes,
    objects,
    live,
    tickets: { put: async () => {}, get: async () => 'ticket' },
    subscribers: { offer: () => {}, drained: async () => {} },
    supervisorAt: () => supervisor,
    clock: { now: () => new Date() },
    wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 5))),
    budgetMs: 60_000,
    ...more,
  };
  return { parts, input: { execution_id: executionId, attempt: 1, sandbox_id: sandboxId } };
}

const texts = (events: readonly RunEvent[]): string => events.map((event) => ('text' in event ? event.text : '')).join('');

describe('a dispatcher', () => {
  it('pushes the job once and keeps every event, live and durably', async () => {
    const { supervisor, calls } = scripted([stdout(1, 'a'), stdout(2, 'b'), exit(3)]);
    const { parts, input } = await prepared(supervisor);
    expect(await dispatch(parts, input)).toEqual({ outcome: 'exited' });
    expect(calls).toEqual(['run']);
    expect(texts(await readSegments(parts.objects, input.execution_id, 0))).toBe('ab');
    expect(await parts.live.read(input.execution_id, 0, 10)).toHaveLength(3);
  });

  it('reattaches where it stopped when the connection is cut, and starts nothing twice', async () => {
    const { supervisor, calls } = scripted([stdout(1, 'a'), stdout(2, 'b'), stdout(3, 'c'), exit(4)], [1, 1, 9]);
    const { parts, input } = await prepared(supervisor);
    expect(await dispatch(parts, input)).toEqual({ outcome: 'exited' });
    expect(calls).toEqual(['run', 'reattach after 1', 'reattach after 2']);
    expect((await readSegments(parts.objects, input.execution_id, 0)).map((event) => event.seq)).toEqual([1, 2, 3, 4]);
  });

  it('that was killed leaves a run to the next one, which only reattaches', async () => {
    const { supervisor, calls } = scripted([stdout(1, 'a'), stdout(2, 'b'), exit(3)], [1]);
    const { parts, input } = await prepared(supervisor);
    const dying = { ...parts, wait: () => Promise.reject(new Error('killed')) };
    await expect(dispatch(dying, input)).rejects.toThrow('killed');
    expect(await dispatch(parts, input)).toEqual({ outcome: 'exited' });
    expect(calls.filter((call) => call === 'run')).toHaveLength(1);
    expect(texts(await readSegments(parts.objects, input.execution_id, 0))).toBe('ab');
  });

  it('hands over when its time is up, with all it saw durable', async () => {
    const { supervisor } = scripted([stdout(1, 'a'), stdout(2, 'b'), exit(3)]);
    const { parts, input } = await prepared(supervisor, { budgetMs: 0 });
    const answers = [];
    for (let tries = 0; tries < 5; tries += 1) {
      const answer = await dispatch(parts, input);
      answers.push(answer.outcome);
      if (answer.outcome === 'exited') break;
    }
    expect(answers).toEqual(['hand_over', 'hand_over', 'exited']);
    expect((await readSegments(parts.objects, input.execution_id, 0)).map((event) => event.seq)).toEqual([1, 2, 3]);
  });

  it('gives up a sandbox that no longer answers, and keeps the output so far', async () => {
    const { supervisor } = scripted([stdout(1, 'a')]);
    const { parts, input } = await prepared(supervisor);
    expect(await dispatch(parts, input)).toMatchObject({ outcome: 'failed', code: 'sandbox_lost' });
    expect(texts(await readSegments(parts.objects, input.execution_id, 0))).toBe('a');
  });

  it.each(['ticket_invalid', 'digest_mismatch', 'environment_changed'] as const)(
    'ends the run as %s when the supervisor refuses it so',
    async (code) => {
      const { supervisor } = scripted([]);
      const refusing: Scripted = { ...supervisor, run: async () => ({ outcome: 'refused', refusal: { code, detail: 'no' } }) };
      const { parts, input } = await prepared(refusing);
      expect(await dispatch(parts, input)).toMatchObject({ outcome: 'failed', code });
    },
  );

  it('never pushes a second time when the first push went nowhere', async () => {
    const { supervisor, calls } = scripted([]);
    const deaf: Scripted = {
      ...supervisor,
      run: async () => {
        calls.push('run');
        return { outcome: 'unreachable' };
      },
      reattach: async () => ({ outcome: 'refused', refusal: { code: 'not_found', detail: 'no run' } }),
    };
    const { parts, input } = await prepared(deaf);
    expect(await dispatch(parts, input)).toMatchObject({ outcome: 'failed', code: 'sandbox_lost' });
    expect(calls).toEqual(['run']);
  });

  it.each([
    ['does not answer', null],
    ['is another one by now', { status: 'idle', sandbox_id: newSandboxId(), image_id: IMAGE_ID, prestarted: [] }],
    ['serves a job already', { status: 'running', sandbox_id: '', image_id: IMAGE_ID, prestarted: [] }],
  ] as const)('binds nothing to a sandbox that %s, so that another may be claimed', async (_, health) => {
    const { supervisor, calls } = scripted([exit(1)]);
    const { parts, input } = await prepared({ ...supervisor, health: async () => health && { ...health, prestarted: [] } });
    expect(await dispatch(parts, input)).toEqual({ outcome: 'no_sandbox' });
    expect(calls).toEqual([]);
    expect((await parts.executions.get(input.execution_id))?.phase).toBe('starting');
  });

  it('of an earlier attempt does nothing', async () => {
    const { supervisor, calls } = scripted([exit(1)]);
    const { parts, input } = await prepared(supervisor);
    expect(await dispatch(parts, { ...input, attempt: 7 })).toEqual({ outcome: 'lost_attempt' });
    expect(calls).toEqual([]);
  });

  it('starts nothing for an execution that was cancelled before', async () => {
    const { supervisor, calls } = scripted([exit(1)]);
    const { parts, input } = await prepared(supervisor);
    await update(parts.executions, input.execution_id, NOW, (row) => requestCancel(row, 'user-1', 'changed my mind', NOW));
    expect(await dispatch(parts, input)).toMatchObject({ outcome: 'failed', code: 'cancelled' });
    expect(calls).toEqual([]);
  });

  it('goes on without the live log', async () => {
    const { supervisor } = scripted([stdout(1, 'a'), exit(2)]);
    const live = memoryLiveLog();
    live.isAway = true;
    const { parts, input } = await prepared(supervisor, { live });
    expect(await dispatch(parts, input)).toEqual({ outcome: 'exited' });
  });
});
