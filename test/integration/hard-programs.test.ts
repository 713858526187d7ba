import { describe, expect, it } from 'vitest';
import { allEvents, approve, as, finished, inPhase, run, submit, textOf } from '../support/airlock.ts';

describe('hard output is bounded, and the run goes on', () => {
  it('50 MB: the first 10 MB of the stream are kept, the rest is counted', async () => {
    const result = await run({
      language: 'python',
      code: 'import sys\nfor _ in range(50): sys.stdout.write("x" * 1048575 + "\\n")\nprint("end", file=sys.stderr)',
      timeout_seconds: 120,
    });
    expect(result).toMatchObject({ status: 'completed', exit_code: 0, output_truncated: true, error_output: 'end\n' });
    const kept = Buffer.byteLength(textOf(await allEvents(result.execution_id), 'stdout'));
    expect(kept).toBeGreaterThan(9 * 2 ** 20);
    expect(kept).toBeLessThanOrEqual(10 * 2 ** 20);
  });

  it('without newlines, all of it arrives', async () => {
    const result = await run({ language: 'python', code: 'import sys\nsys.stdout.write("é" * 100000)' });
    expect(result).toMatchObject({ status: 'completed', output_truncated: true });
    expect(textOf(await allEvents(result.execution_id), 'stdout')).toBe('é'.repeat(100_000));
  });

  it('binary bytes become replacement characters, and nothing breaks', async () => {
    const result = await run({
      language: 'python',
      code: 'import sys\nsys.stdout.buffer.write(bytes(range(256)))\nprint("after")',
    });
    expect(result.status).toBe('completed');
    expect(result.output).toContain('\uFFFD');
    expect(result.output.endsWith('after\n')).toBe(true);
  });
});

describe('a program that will not end is ended', () => {
  it('when its time is over, though it ignores SIGTERM and forked', async () => {
    const result = await run({
      language: 'python',
      code: 'import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.fork()\nos.setsid() if os.getpid() % 2 else None\nprint("here", flush=True)\nwhile True: time.sleep(1)',
      timeout_seconds: 2,
    });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'time_limit' } });
    expect(result.output).toContain('here');
  });

  it('when it is cancelled, and the output so far is kept', async () => {
    const submitted = await submit({
      language: 'bash',
      code: 'trap "" TERM INT; (setsid sleep 1000 &); echo started; while :; do sleep 1; done',
    });
    await approve(submitted);
    await inPhase(submitted.execution_id, 'running');
    const developer = await as('developer');
    let seen = '';
    while (!seen.includes('started'))
      seen = textOf(
        (await developer.call<{ events: never[] }>('GET', `/api/v1/executions/${submitted.execution_id}/events?wait=5`)).body
          .events,
        'stdout',
      );
    const cancelled = await developer.call('POST', `/api/v1/executions/${submitted.execution_id}/cancel`, { reason: 'enough' });
    expect(cancelled.status).toBe(202);
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' }, output: 'started\n' });
    const again = await developer.call('POST', `/api/v1/executions/${submitted.execution_id}/cancel`, { reason: 'again' });
    expect(again.status).toBe(200);
  });

  it('when its memory is over, and says so', async () => {
    const result = await run({ language: 'python', code: 'parts = []\nwhile True: parts.append(bytearray(8 * 2**20))' });
    expect(result.status).toBe('failed');
    expect(['memory_limit', 'program_failed']).toContain(result.error?.code);
  });
});

describe('cancelling before a run', () => {
  it('while it awaits approval ends it, withdraws the request, and nothing runs', async () => {
    const submitted = await submit({ language: 'python', code: 'print("never")' });
    const developer = await as('developer');
    await developer.call('POST', `/api/v1/executions/${submitted.execution_id}/cancel`, { reason: 'changed my mind' });
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' }, started_at: null });
    const approver = await as('approver');
    expect((await approver.call('GET', `/api/v1/approvals/${submitted.approval_id}`)).body).toMatchObject({
      status: 'withdrawn',
    });
    const late = await approver.call('POST', `/api/v1/approvals/${submitted.approval_id}/decision`, {
      decision: 'approve',
      digest: submitted.digest,
    });
    expect(late.status).toBe(409);
  });
});

describe('ten runs at once', () => {
  it('all end well, each with its own output', async () => {
    const submitted = await Promise.all(
      Array.from({ length: 10 }, (_, index) => submit({ language: 'python', code: `print(${index})` })),
    );
    await Promise.all(submitted.map((execution) => approve(execution)));
    const results = await Promise.all(submitted.map((execution) => finished(execution.execution_id)));
    expect(results.map((result) => result.output)).toEqual(submitted.map((_, index) => `${index}\n`));
  });
});
