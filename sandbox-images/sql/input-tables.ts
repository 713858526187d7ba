import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, parse as parsePath } from 'node:path';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { parse as parseCsv } from 'csv-parse/sync';
import { z } from 'zod';
import type { Database } from './database.ts';

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly SQLInputValue[])[];
}

interface Column {
  readonly name: string;
  /** Of a CSV column, whose values come without one; records bring their own. */
  readonly type: 'NUMERIC' | 'TEXT' | '';
}

/** Makes a table of each CSV and JSON file in the directory, and of each list of records in `input.json`. */
export function loadInputTables({ connection }: Database, directory: string): void {
  const names = new Set<string>();
  for (const table of readInputTables(directory)) {
    const name = table.name.toLowerCase();
    if (names.has(name)) throw new Error(`Two inputs would be the table "${table.name}".`);
    names.add(name);
    createTable(connection, table);
  }
}

export function readInputTables(directory: string): Table[] {
  const files = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(csv|json)$/i.test(entry.name) && entry.name !== 'input.json')
    .map(({ name }) => name)
    .sort();
  const fromFiles = files.map((file) => {
    const { name, ext } = parsePath(file);
    const text = readFileSync(join(directory, file), 'utf8');
    return ext.toLowerCase() === '.csv' ? tableFromCsv(name, text) : tableFromRecords(name, records.parse(JSON.parse(text)));
  });
  const input = join(directory, 'input.json');
  return existsSync(input) ? [...fromFiles, ...tablesFromInput(JSON.parse(readFileSync(input, 'utf8')))] : fromFiles;
}

const record = z.record(z.string(), z.unknown());
const records = z.array(record);

/** Each top-level key that holds a list of records; anything else in the input is none of SQL's business. */
export function tablesFromInput(input: unknown): Table[] {
  const keyed = record.safeParse(input);
  if (!keyed.success) return [];
  return Object.entries(keyed.data).flatMap(([name, value]) => {
    const rows = records.min(1).safeParse(value);
    return rows.success ? [tableFromRecords(name, rows.data)] : [];
  });
}

export function tableFromCsv(name: string, text: string): Table {
  const parsed = parseCsv(text, {
    bom: true,
    relaxColumnCount: true,
    skipEmptyLines: true,
    recordDelimiter: ['\r\n', '\n', '\r'],
  });
  const [header = [], ...rows] = z.array(z.array(z.string())).parse(parsed);
  const columns = uniqueNames(header).map((column, index): Column => {
    const values = rows.map((row) => row[index] ?? '').filter((value) => value !== '');
    return { name: column, type: values.length > 0 && values.every(isNumber) ? 'NUMERIC' : 'TEXT' };
  });
  const cell = (value: string | undefined, { type }: Column) => (value === '' && type === 'NUMERIC' ? null : (value ?? null));
  return { name, columns, rows: rows.map((row) => columns.map((column, index) => cell(row[index], column))) };
}

/** Not `007` or `1e5`: postal codes and names of things must stay what they are. */
const isNumber = (text: string): boolean => /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text);

export function tableFromRecords(name: string, rows: readonly Readonly<Record<string, unknown>>[]): Table {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = uniqueNames(keys).map((column): Column => ({ name: column, type: '' }));
  return { name, columns, rows: rows.map((row) => keys.map((key) => toSqlValue(row[key]))) };
}

/** Nested values stay JSON, for SQLite's own JSON functions. */
function toSqlValue(value: unknown): SQLInputValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return JSON.stringify(value);
}

/** SQLite compares column names without regard to case, and has none that is empty. */
function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((given, index) => {
    const base = given.trim() === '' ? `column_${index + 1}` : given.trim();
    let name = base;
    for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${base}_${number}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

function createTable(connection: DatabaseSync, { name, columns, rows }: Table): void {
  if (columns.length === 0) return;
  const definition = columns.map((column) => `${quoted(column.name)} ${column.type}`).join(', ');
  connection.exec(`CREATE TABLE ${quoted(name)} (${definition})`);
  const insert = connection.prepare(`INSERT INTO ${quoted(name)} VALUES (${columns.map(() => '?').join(', ')})`);
  connection.exec('BEGIN');
  for (const row of rows) insert.run(...row);
  connection.exec('COMMIT');
}

const quoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
