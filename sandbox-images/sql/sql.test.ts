import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { tableFromCsv, tableFromRecords, tablesFromInput } from './input-tables.ts';
import { runScript, SqlError, toJson } from './script.ts';

describe('an input table', () => {
  it('from CSV has numbers only in columns that hold nothing else', () => {
    expect(tableFromCsv('t', '\ufeffname,zip,n\r\n"a, ""b""",007,1.5\nx\n,123,\n')).toEqual({
      name: 't',
      columns: [
        { name: 'name', type: 'TEXT' },
        { name: 'zip', type: 'TEXT' },
        { name: 'n', type: 'NUMERIC' },
      ],
      rows: [
        ['a, "b"', '007', '1.5'],
        ['x', null, null],
        ['', '123', null],
      ],
    });
  });

  it('has a name for every column, once, whatever the case', () => {
    expect(tableFromCsv('t', 'A,a, ,A\n1,2,3,4').columns.map(({ name }) => name)).toEqual(['A', 'a_2', 'column_3', 'A_3']);
  });

  it('from records has all their keys, and nested values as JSON', () => {
    const table = tableFromRecords('t', [
      { a: true, b: { c: [1] } },
      { z: null, a: 'x' },
    ]);
    expect(table.columns.map(({ name }) => name)).toEqual(['a', 'b', 'z']);
    expect(table.rows).toEqual([
      [1, '{"c":[1]}', null],
      ['x', null, null],
    ]);
  });

  it('is made of each list of records in the input, and of nothing else', () => {
    const input = { orders: [{ n: 1 }], empty: [], mixed: [{ n: 1 }, 2], word: 'x' };
    expect(tablesFromInput(input).map(({ name }) => name)).toEqual(['orders']);
    for (const other of [null, [], [{ n: 1 }], 3]) expect(tablesFromInput(other)).toEqual([]);
  });
});

describe('a script', () => {
  const run = (script: string): unknown[] => {
    const lines: string[] = [];
    runScript(new DatabaseSync(':memory:'), script, (line) => lines.push(line));
    return lines.map((line) => JSON.parse(line));
  };

  it('answers once for each statement that has rows, wherever semicolons stand', () => {
    const script = `CREATE TABLE t (a);; INSERT INTO t VALUES (';--'), ('/*');
      CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;
      /* ; */ SELECT a FROM t; -- the end;\n SELECT 1 AS x, 2 AS x WHERE 0; -- really`;
    expect(run(script)).toEqual([
      { columns: ['a'], rows: [[';--'], ['/*']], truncated: false },
      { columns: ['x', 'x'], rows: [], truncated: false },
    ]);
  });

  it('of nothing but comments answers nothing', () => {
    expect(run(' ; -- a\n /* b */ ; ')).toEqual([]);
    expect(run('')).toEqual([]);
  });

  it('that fails says in which statement, and on which line it begins', () => {
    expect(() => run('SELECT 1;\n\n  SELECT\n nope;')).toThrow(SqlError);
    expect(() => run('SELECT 1;\n\n  SELECT\n nope;')).toThrow(
      /^Error in statement 2, which begins on line 3: no such column: nope/,
    );
  });
});

it('values become JSON that says what they were', () => {
  expect([5n, 9_007_199_254_740_993n, 1.5, null, 'é', new Uint8Array([0, 255]), Infinity].map(toJson)).toEqual([
    ...[5, '9007199254740993', 1.5, null, 'é', 'AP8=', 'Infinity'],
  ]);
});
