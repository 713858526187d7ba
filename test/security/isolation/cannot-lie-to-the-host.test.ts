import { beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../../functions/contracts/execution.ts';
import type { RunEvent } from '../../../functions/contracts/sandbox-protocol.ts';
import { allEvents, as, run, textOf } from '../../support/airlock.ts';
import { program } from './support.ts';

describe('a guest cannot lie to the host', () => {
  let result: ExecutionResult;
  let events: RunEvent[];
  beforeAll(async () => {
    result = await run({ language: 'python', code: program('lies.py') });
    events = await allEvents(result.execution_id);
  });

  it('about how it ended: what looks like the supervisor’s words is output, on every descriptor', () => {
    expect(result).toMatchObject({ status: 'failed', exit_code: 7, error: { code: 'program_failed' } });
    expect(events.filter((event) => event.type === 'exit')).toHaveLength(1);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    expect(textOf(events, 'stdout')).toContain('"type": "exit"');
  });

  it('about its files: links, pipes, devices, sparse files and second names are left out, each with its reason', () => {
    const names = result.files_created.map((file) => file.name);
    expect(names).toContain('honest.txt');
    expect(names.filter((name) => /link|twice|fifo|device|sparse|forged|passwd/.test(name))).toEqual([]);
    const reasons = new Map(result.files_skipped.map(({ name, reason }) => [name, reason]));
    expect(reasons.get('link-to-a-file')).toBe('symbolic link');
    expect(reasons.get('link-to-a-directory')).toBe('symbolic link');
    expect(reasons.get('twice-1')).toBe('more than one link');
    expect(reasons.get('fifo')).toBe('not a regular file');
    expect(reasons.get('sparse')).toMatch(/larger than/);
    expect([...reasons.values()]).toContain('too deep');
  });

  it('by the names of its files: they are data, whatever they hold, and a download’s headers stay ours', async () => {
    const names = result.files_created.map((file) => file.name);
    expect(names).toEqual(
      expect.arrayContaining(['new\nline', 'esc\u001b[31mred', '\u202egpj.exe', '...', ' ', 'quote"\\', 'line\r\nX-Evil: 1']),
    );
    const developer = await as('developer');
    for (const file of result.files_created.filter(({ name }) => /Evil|quote|gpj/.test(name))) {
      const answer = await developer.call<{ url: string }>(
        'GET',
        `/api/v1/executions/${result.execution_id}/files/${file.file_id}`,
      );
      expect(answer.status).toBe(302);
      const download = await fetch(answer.body.url);
      expect(download.headers.get('x-evil')).toBeNull();
      expect(download.headers.get('content-disposition')).toMatch(/^attachment; filename\*=UTF-8''[\w%.~-]+$/);
      expect(await download.text()).toBe('odd');
    }
  });

  it('by its bytes: what is no UTF-8 is replaced, and ANSI and bidirectional characters arrive as they are, as data', () => {
    const text = textOf(events, 'stdout');
    expect(text).toContain('\uFFFD\uFFFD invalid \uFFFD\n');
    expect(text).toContain('\u001b[2J\u001b]0;title\u0007 ansi\n\u202e bidi\n\u0000 zero\n');
  });

  it('by putting a link where its output should be', async () => {
    const code = 'import os\nos.rmdir("output")\nos.symlink("/etc", "output")\nprint(len(os.listdir("output")))';
    const { files_created, files_skipped, status } = await run({ language: 'python', code });
    expect({ status, files_created, files_skipped }).toEqual({
      status: 'completed',
      files_created: [],
      files_skipped: [{ name: '.', reason: 'output is not a directory' }],
    });
  });

  it('by files that are nothing but holes: all together are no larger than its disk', async () => {
    const code =
      'import os\nos.chdir("output")\nopen("a", "w").write("small")\nfor n in range(500):\n  with open(f"hole-{n:03}", "wb") as file: file.truncate(100 << 20)';
    const { status, files_created, files_skipped } = await run({ language: 'python', code, resource_limits: { disk: '100MB' } });
    expect(status).toBe('completed');
    expect(files_created.map(({ name }) => name)).toEqual(['a']);
    expect(files_skipped[0]).toEqual({ name: 'hole-000', reason: 'more than 104857600 bytes with those before it' });
    expect(files_skipped.at(-1)).toEqual({ name: '300 more', reason: 'not listed' });
  });

  it('by names that are cut where a character is: they can still be fetched', async () => {
    const code =
      'import os\npath = "output"\nfor _ in range(5):\n  path += "/" + "a" * 199\nos.makedirs(path[:-200], exist_ok=True)\nopen(path[:-1] + "😀", "w").write("x")';
    const { execution_id, files_created } = await run({ language: 'python', code });
    const developer = await as('developer');
    const answer = await developer.call('GET', `/api/v1/executions/${execution_id}/files/${files_created[0]?.file_id}`);
    expect(answer.status).toBe(302);
  });

  it('by a hundred thousand files: some are taken, and the rest is counted', async () => {
    const code =
      'import os\nos.chdir("output")\nfor n in range(100_000):\n  os.close(os.open(f"{n:06}", os.O_CREAT | os.O_WRONLY))\nprint("made")';
    const outcome = await run({ language: 'python', code, timeout_seconds: 120 });
    if (outcome.status === 'failed') expect(outcome.error?.code).toBe('disk_limit');
    else expect(outcome).toMatchObject({ status: 'completed', output: 'made\n' });
    expect(outcome.files_created.length).toBeLessThanOrEqual(1000);
    // What the supervisor left out, and at most two lines that count the rest.
    expect(outcome.files_skipped.length).toBeLessThanOrEqual(202);
  });
});
