import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelAnswer, type RunEvent } from '../../functions/contracts/sandbox-protocol.ts';
import {
  command,
  finish,
  prepareSandboxes,
  readEvents,
  removeSandboxes,
  type StartedRun,
  startSandbox,
  type TestSandbox,
  until,
} from './support.ts';

beforeAll(async () => void (await prepareSandboxes()));
afterAll(removeSandboxes);

const bash = (code: string) => ({ language: 'bash' as const, entrypoint: 'main.sh', code });

/** Ignores what can be ignored, and leaves orphans in sessions of their own. */
const STUBBORN = `trap '' TERM INT HUP
for n in 1 2 3; do (trap '' TERM; setsid nohup bash -c 'trap "" TERM HUP; while :; do sleep 1; done' >/dev/null 2>&1 &) ; done
echo ready`;

async function readUntil(events: AsyncIterable<RunEvent>, isLast: (event: RunEvent) => boolean): Promise<RunEvent[]> {
  const seen: RunEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (isLast(event)) break;
  }
  return seen;
}

const isReady = (event: RunEvent): boolean => event.type === 'stdout' && event.text.includes('ready');

async function cancel(sandbox: TestSandbox, { bearer }: StartedRun): Promise<boolean> {
  const answer = await fetch(`${sandbox.url}/runs/current/cancel`, {
    method: 'POST',
    headers: bearer,
    body: '{"reason":"enough"}',
  });
  return cancelAnswer.parse(await answer.json()).was_running;
}

const reattach = async (sandbox: TestSandbox, { bearer }: StartedRun, after: number) =>
  readEvents(await fetch(`${sandbox.url}/runs/current/events?after=${after}`, { headers: bearer }));

describe('cancelling', () => {
  it('leaves no process, however stubborn, by the time it answers', async () => {
    const sandbox = await startSandbox();
    const run = await sandbox.start(bash(`${STUBBORN}; while :; do sleep 1; done`));
    await readUntil(run.events, isReady);
    expect((await sandbox.strangers()).length).toBeGreaterThanOrEqual(4);

    expect(await cancel(sandbox, run)).toBe(true);
    expect(await sandbox.strangers()).toEqual([]);
    const { exit } = await finish(run.ticket, await reattach(sandbox, run, 0));
    expect(exit).toMatchObject({ reason: 'cancelled', exit_code: null, signal: 'SIGKILL', detail: 'enough' });
    expect(await cancel(sandbox, run)).toBe(false);
  });

  it('of a run that has ended changes nothing', async () => {
    const sandbox = await startSandbox();
    const run = await sandbox.start(bash('echo fine'));
    const before = await finish(run.ticket, run.events);
    expect(await cancel(sandbox, run)).toBe(false);
    expect((await finish(run.ticket, await reattach(sandbox, run, 0))).events).toEqual(before.events);
    expect(before.exit.reason).toBe('exited');
  });
});

describe('the end of the main process', () => {
  it('is the end of everything it left behind, and files are collected after that', async () => {
    const sandbox = await startSandbox();
    const code = `${STUBBORN}; (trap '' TERM; while :; do echo x >> output/log; done) & sleep 0.2; exit 5`;
    const { exit, events } = await sandbox.run(bash(code));
    expect(exit).toMatchObject({ reason: 'exited', exit_code: 5 });
    expect(events.some((event) => event.type === 'file' && event.name === 'log')).toBe(true);
    expect(await sandbox.strangers()).toEqual([]);
  });

  it('by a signal is told', async () => {
    const { exit } = await (await startSandbox()).run(bash('kill -SEGV $$'));
    expect(exit).toMatchObject({ reason: 'exited', exit_code: null, signal: 'SIGSEGV' });
  });

  it('cannot be hidden by a guest that kills all it may', async () => {
    const sandbox = await startSandbox();
    const { exit } = await sandbox.run({ code: 'import os\nos.kill(-1, 9)\nprint("alive")' });
    expect(exit.reason).toBe('exited');
    expect(await sandbox.strangers()).toEqual([]);
  });
});

describe('the event stream', () => {
  it('goes on after a lost connection with no event missing and none twice', async () => {
    const sandbox = await startSandbox();
    const run = await sandbox.start(bash('for ((n = 0; n < 300; n++)); do echo "line $n"; sleep 0.005; done'));
    const seen = await readUntil(run.events, ({ seq }) => seq >= 20);
    // Each reader leaves after a while; the next goes on where it left.
    while (seen.at(-1)?.type !== 'exit') {
      const from = seen.at(-1)?.seq ?? 0;
      seen.push(...(await readUntil(await reattach(sandbox, run, from), ({ seq }) => seq >= from + 25)));
    }
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
    const text = seen.flatMap((event) => (event.type === 'stdout' ? [event.text] : [])).join('');
    expect(text).toBe(Array.from({ length: 300 }, (_, n) => `line ${n}\n`).join(''));
    expect((await finish(run.ticket, await reattach(sandbox, run, 0))).events).toEqual(seen);
  });

  it('serves several readers at once, and ends with exit', async () => {
    const sandbox = await startSandbox();
    const run = await sandbox.start(bash('for n in 1 2 3 4 5; do echo $n; sleep 0.1; done'));
    const readers = await Promise.all([run.events, reattach(sandbox, run, 0), reattach(sandbox, run, 0)]);
    const [first, ...others] = await Promise.all(readers.map((events) => finish(run.ticket, events)));
    for (const other of others) expect(other.events).toEqual(first?.events);
  });
});

describe('stopping the task', () => {
  it('with SIGTERM ends the sandbox though the guest ignores it', async () => {
    const sandbox = await startSandbox();
    const run = await sandbox.start(bash(`${STUBBORN}; while :; do sleep 1; done`));
    await readUntil(run.events, isReady);
    await command('kill', '--signal', 'TERM', sandbox.container);
    const isOver = async () => (await command('inspect', '--format', '{{.State.Running}}', sandbox.container)) === 'false';
    await until(isOver, 'the container has ended');
  });
});
