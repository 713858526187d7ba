import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../functions/contracts/manifest.ts';
import { LIMITS, prepareSandboxes, removeSandboxes, startSandbox } from './support.ts';

beforeAll(async () => void (await prepareSandboxes()));
afterAll(removeSandboxes);

const fileOf = (path: string, content: string) => ({
  path,
  sha256: createHash('sha256').update(content).digest('hex'),
  size_bytes: Buffer.byteLength(content),
});

async function runFresh(changes: Partial<Manifest>, files: readonly string[] = []) {
  const sandbox = await startSandbox();
  return sandbox.run(
    changes,
    files.map((file) => Buffer.from(file)),
  );
}

describe('python', () => {
  it('runs in an interpreter that was started before the job came', async () => {
    const { started, stdout, stderr, exit } = await runFresh({ code: 'print("hello")' });

    expect(started).toMatchObject({ language: 'python', prestarted: true });
    expect({ stdout, stderr }).toEqual({ stdout: 'hello\n', stderr: '' });
    expect(exit).toMatchObject({ reason: 'exited', exit_code: 0, signal: null });
  });

  it('has numpy and pandas', async () => {
    const code = 'import numpy, pandas\nprint(int((numpy.ones((9, 9)) @ numpy.ones((9, 9)))[0, 0]), pandas.Series([1, 2]).sum())';
    const { stdout, stderr } = await runFresh({ code });
    expect({ stdout, stderr }).toEqual({ stdout: '9 3\n', stderr: '' });
  });

  it('gets its input on standard input and as input.json, its arguments, and no environment but its own', async () => {
    const code = `
import json, os, sys
given = json.load(sys.stdin)
print(json.dumps([given == json.load(open('input.json')), given, sys.argv, sorted(os.environ.items()), os.getcwd(), __file__, sys.path[0]]))`;
    const { stdout } = await runFresh({ code, stdin: '{"n":[1,"é"]}', args: ['a b', '--x=ü'], env: { TOKEN_NAME: 'v"1\n' } });

    const [same, given, args, environment, directory, file, importsFrom] = JSON.parse(stdout);
    expect([same, given, args]).toEqual([true, { n: [1, 'é'] }, ['/workspace/main.py', 'a b', '--x=ü']]);
    expect(environment.map(([name]: [string]) => name)).toEqual([
      ...['HOME', 'LANG', 'OPENBLAS_NUM_THREADS', 'PATH', 'TMPDIR', 'TOKEN_NAME', 'USER'],
    ]);
    expect(Object.fromEntries(environment)).toMatchObject({ HOME: '/workspace', TOKEN_NAME: 'v"1\n' });
    expect([directory, file, importsFrom]).toEqual(['/workspace', '/workspace/main.py', '/workspace']);
  });

  it('shows tracebacks that begin with its own code, and the exit code it chose', async () => {
    const failed = await runFresh({ code: 'def f():\n  raise ValueError("no")\nf()' });
    expect(failed.stderr).toBe(
      'Traceback (most recent call last):\n  File "/workspace/main.py", line 3, in <module>\n    f()\n    ~^^\n' +
        '  File "/workspace/main.py", line 2, in f\n    raise ValueError("no")\nValueError: no\n',
    );
    expect(failed.exit.exit_code).toBe(1);
    expect((await runFresh({ code: 'raise SystemExit(7)' })).exit.exit_code).toBe(7);
  });

  it('starts cold, and says so, for another file name or other limits of open files', async () => {
    const renamed = await runFresh({ code: 'import sys\nprint(__file__, sys.argv[1:])', entrypoint: 'src/app.py', args: ['1'] });
    expect(renamed.started?.prestarted).toBe(false);
    expect(renamed.stdout).toBe("/workspace/src/app.py ['1']\n");
    const limited = await runFresh({
      code: 'import resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE))',
      limits: { ...LIMITS, open_files: 100 },
    });
    expect(limited.started?.prestarted).toBe(false);
    expect(limited.stdout).toBe('(100, 100)\n');
  });

  it('can start processes, pools and threads', async () => {
    const code = `
import multiprocessing, subprocess, threading, asyncio, sqlite3
def square(n): return n * n
if __name__ == '__main__':
    with multiprocessing.Pool(2) as pool: print(pool.map(square, [1, 2, 3]))
    print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout.strip())
    thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()
    print(asyncio.run(asyncio.to_thread(lambda: 'async')))
    print(sqlite3.connect(':memory:').execute('select 1').fetchone())`;
    const { stdout, stderr } = await runFresh({ code });
    expect({ stdout, stderr }).toEqual({ stdout: '[1, 4, 9]\nchild\nthread\nasync\n(1,)\n', stderr: '' });
  });
});

describe('nodejs', () => {
  const show = 'console.log(JSON.stringify([process.argv.slice(1), process.execArgv, process.env.GREETING, process.cwd()]));';
  const natural = (file: string) => `${JSON.stringify([[`/workspace/${file}`, 'x'], [], 'hi', '/workspace'])}\n`;
  it.each([
    ['main.mjs', `import { cwd } from 'node:process'; await 0; if (import.meta.main) ${show}`],
    ['main.cjs', `const { cwd } = require('node:process'); if (require.main === module) ${show}`],
    ['app.js', `const fs = require('node:fs'); ${show}`],
    ['main.ts', `interface A { b: number }\nconst a: A = { b: 1 };\nimport { cwd } from 'node:process';\n${show}`],
    ['main.mts', `const a: number = await 1;\n${show}`],
    ['src/main.cts', `const fs = require('node:fs') as typeof import('node:fs');\n${show}`],
  ])('runs %s with the right loader, prestarted', async (entrypoint, code) => {
    const { started, stdout, stderr } = await runFresh({
      language: 'nodejs',
      entrypoint,
      code,
      args: ['x'],
      env: { GREETING: 'hi' },
    });
    expect({ stdout, stderr, prestarted: started?.prestarted }).toEqual({
      stdout: natural(entrypoint),
      stderr: '',
      prestarted: true,
    });
  });

  it('reads standard input, imports files beside it, and keeps the exit code', async () => {
    const helper = 'export const twice = (n) => 2 * n;';
    const code = `import { readFileSync } from 'node:fs';\nimport { twice } from './lib/helper.mjs';
console.log(twice(JSON.parse(readFileSync(0, 'utf8')).n)); process.exit(4);`;
    const { stdout, stderr, exit } = await runFresh(
      { language: 'nodejs', entrypoint: 'main.mjs', code, stdin: '{"n":21}', files: [fileOf('lib/helper.mjs', helper)] },
      [helper],
    );
    expect({ stdout, stderr, code: exit.exit_code }).toEqual({ stdout: '42\n', stderr: '', code: 4 });
  });
});

describe('bash', () => {
  it('runs prestarted, with arguments, environment, standard input and files', async () => {
    const code =
      'echo "$0|$1|$2|$GREETING|$PWD|$#"; cat; echo; cat data/x.txt; echo oops > /dev/stderr; echo again | tee /dev/stdout; exit 3';
    const { started, stdout, stderr, exit } = await runFresh(
      {
        language: 'bash',
        entrypoint: 'main.sh',
        code,
        args: ['a b', ''],
        env: { GREETING: "it's\n$HOME" },
        stdin: '[1]',
        files: [fileOf('data/x.txt', 'content\n')],
      },
      ['content\n'],
    );
    expect(started?.prestarted).toBe(true);
    expect(stdout).toBe("main.sh|a b||it's\n$HOME|/workspace|2\n[1]\ncontent\nagain\nagain\n");
    expect({ stderr, code: exit.exit_code }).toEqual({ stderr: 'oops\n', code: 3 });
  });
});

describe('sql', () => {
  const sql = (code: string, changes: Partial<Manifest> = {}, files: string[] = []) =>
    runFresh({ language: 'sql', entrypoint: 'main.sql', code, ...changes }, files);
  const answers = (stdout: string): unknown[] =>
    stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));

  it('has CSV files, JSON files and the lists of the input as tables', async () => {
    const csv = 'City,Zip,"People, all"\r\n"Bern ""the old""",03007,12.5\r\nZürich,08001,\r\n';
    const json = '[{"id": 1, "tags": ["a"]}, {"id": 9007199254740993, "late": true}]';
    const { started, stdout, stderr } = await sql(
      `SELECT * FROM cities ORDER BY city; SELECT id, json_extract(tags, '$[0]') AS tag, late FROM things;
       SELECT sum(amount) AS total, sum(amount) AS total FROM orders;`,
      {
        stdin: '{"orders":[{"amount":2},{"amount":3}],"note":"x"}',
        files: [fileOf('cities.csv', csv), fileOf('things.json', json)],
      },
      [csv, json],
    );
    expect(stderr).toBe('');
    expect(started?.prestarted).toBe(true);
    expect(answers(stdout)).toEqual([
      {
        columns: ['City', 'Zip', 'People, all'],
        rows: [
          ['Bern "the old"', '03007', 12.5],
          ['Zürich', '08001', null],
        ],
        truncated: false,
      },
      { columns: ['id', 'tag', 'late'], rows: expect.arrayContaining([[1, 'a', null]]), truncated: false },
      { columns: ['total', 'total'], rows: [[5, 5]], truncated: false },
    ]);
  });

  it('keeps earlier answers when a later statement fails, and says where', async () => {
    const { stdout, stderr, exit } = await sql('SELECT 1 AS a;\n-- two\nSELECT 2;\n\nSELECT a FROM nowhere;');
    expect(answers(stdout)).toHaveLength(2);
    expect(stderr).toBe('Error in statement 3, which begins on line 5: no such table: nowhere\n');
    expect(exit.exit_code).toBe(1);
  });

  it.each([
    "ATTACH DATABASE '/tmp/x.db' AS x",
    "VACUUM INTO '/tmp/x.db'",
    'PRAGMA journal_mode = WAL',
    'PRAGMA writable_schema = 1',
    "SELECT load_extension('x')",
  ])('refuses %s', async (statement) => {
    const { stdout, exit } = await sql(statement);
    expect(stdout).toBe('');
    expect(exit).toMatchObject({ reason: 'exited', exit_code: 1 });
  });

  it('is ended at the time limit in the middle of a statement that never ends', async () => {
    const { exit } = await sql('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n', {
      timeout_seconds: 1,
    });
    expect(exit.reason).toBe('time_limit');
  });
});
