import { describe, expect, it } from 'vitest';
import { run } from '../support/airlock.ts';

describe('every language runs', () => {
  it('bash', async () => {
    const result = await run({
      language: 'bash',
      code: 'read -r line; echo "got $line for $1"; echo oops >&2; printf x > output/x.txt',
      args: ['you'],
      input_data: { a: 1 },
    });
    expect(result).toMatchObject({ status: 'completed', output: 'got {"a":1} for you\n', error_output: 'oops\n' });
    expect(result.files_created).toMatchObject([{ name: 'x.txt', size_bytes: 1 }]);
  });

  it('JavaScript, as module and as CommonJS', async () => {
    const module = await run({
      language: 'nodejs',
      code: 'const text = await new Response("hi").text(); console.log(text, import.meta.filename.endsWith("main.mjs"))',
    });
    expect(module).toMatchObject({ status: 'completed', output: 'hi true\n' });
    const common = await run({
      language: 'nodejs',
      entrypoint: 'main.cjs',
      code: 'console.log(typeof require, process.argv.slice(2))',
      args: ['x'],
    });
    expect(common).toMatchObject({ status: 'completed', output: "function [ 'x' ]\n" });
  });

  it('TypeScript', async () => {
    const result = await run({
      language: 'nodejs',
      entrypoint: 'main.ts',
      code: 'interface A { n: number }\nconst a: A = { n: 41 };\nconsole.log(a.n + 1);',
    });
    expect(result).toMatchObject({ status: 'completed', output: '42\n' });
  });

  it('SQL, with CSV and JSON inputs as tables', async () => {
    const result = await run({
      language: 'sql',
      code: 'SELECT p.name, SUM(s.amount) AS total FROM sales s JOIN people p ON p.id = s.person GROUP BY p.name ORDER BY p.name;',
      files: [{ path: 'sales.csv', content: 'person,amount\n1,10\n2,5\n1,7\n', encoding: 'utf8' }],
      input_data: {
        people: [
          { id: 1, name: 'Ada' },
          { id: 2, name: 'Béla' },
        ],
      },
    });
    expect(result).toMatchObject({ status: 'completed', error_output: '' });
    expect(result.output).toContain('Ada');
    expect(result.output).toContain('17');
    expect(result.output).toContain('Béla');
  });

  it('and a syntax error is the program’s failure, shown as the language shows it', async () => {
    const python = await run({ language: 'python', code: 'def broken(:' });
    expect(python).toMatchObject({ status: 'failed', error: { code: 'program_failed' } });
    expect(python.error_output).toContain('SyntaxError');
    const sql = await run({ language: 'sql', code: 'SELEC 1;' });
    expect(sql).toMatchObject({ status: 'failed', error: { code: 'program_failed' } });
  });
});
