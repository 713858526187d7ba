import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';

/** Rows of one answer that are written; the rest are only counted as more. */
export const MAX_ROWS = 100_000;

/** A statement that SQLite refused, and where it begins. */
export class SqlError extends Error {
  override readonly name = 'SqlError';

  constructor(statementNumber: number, line: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Error in statement ${statementNumber}, which begins on line ${line}: ${reason}`, { cause });
  }
}

/**
 * Runs the statements of a script in order, and writes for each that answers with rows one line
 * `{"columns":[…],"rows":[[…],…],"truncated":false}`. An error ends the script; what was written before stands.
 */
export function runScript(database: DatabaseSync, script: string, writeLine: (line: string) => void): void {
  let position = 0;
  for (let statementNumber = 1; position < script.length; statementNumber += 1) {
    const rest = script.slice(position);
    if (isBlank(rest)) return;
    const line = lineAt(script, position + (rest.length - rest.trimStart().length));
    try {
      const statement = database.prepare(rest);
      position += consumed(statement, rest);
      if (statement.columns().length === 0) statement.run();
      else writeLine(JSON.stringify(answerOf(statement)));
    } catch (error) {
      throw new SqlError(statementNumber, line, error);
    }
  }
}

/** SQLite says itself where a statement ends, so quotes, comments and trigger bodies are its own concern. */
function consumed(statement: StatementSync, rest: string): number {
  const length = statement.sourceSQL.length;
  return length > 0 ? length : rest.length;
}

interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly truncated: boolean;
}

function answerOf(statement: StatementSync): Answer {
  // As arrays, because two columns may have one name; as BigInt, because numbers above 2^53 would change silently.
  statement.setReturnArrays(true);
  statement.setReadBigInts(true);
  const columns = statement.columns().map(({ name }) => name);
  const rows: unknown[][] = [];
  for (const row of statement.iterate() as Iterable<unknown>) {
    if (rows.length >= MAX_ROWS) return { columns, rows, truncated: true };
    rows.push((row as SQLOutputValue[]).map(toJson));
  }
  return { columns, rows, truncated: false };
}

/** Integers beyond what JSON readers hold exactly become text, as do infinities; binary values become base64. */
export function toJson(value: SQLOutputValue): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}

/** What is left after the last statement: spaces, semicolons and comments. */
const isBlank = (text: string): boolean => text.replace(/--[^\n]*(\n|$)|\/\*[\s\S]*?(\*\/|$)|[\s;]+/g, '') === '';

const lineAt = (text: string, position: number): number => text.slice(0, position).split('\n').length;
