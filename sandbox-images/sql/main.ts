import { readFileSync, readSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { openDatabase } from './database.ts';
import { loadInputTables } from './input-tables.ts';
import { runScript, SqlError } from './script.ts';

/**
 * The `sql` language: waits for its job on descriptor 3, loads the input files as tables, runs the script, and writes one line of
 * JSON for each statement that answers with rows. Runs as the guest, in a process of its own, because SQLite cannot be interrupted.
 */

const JOB_DESCRIPTOR = 3;
const job = z.object({ script: z.string(), directory: z.string() });

function main(): number {
  // Opened before the job comes, so that SQLite itself is loaded.
  const database = openDatabase();
  rehearse();
  writeSync(JOB_DESCRIPTOR, 'R');
  const message = readToEnd(JOB_DESCRIPTOR);
  if (message === '') return 0;
  const { script, directory } = job.parse(JSON.parse(message));
  process.chdir(directory);
  try {
    loadInputTables(database, directory);
    database.restrict();
    runScript(database.connection, readFileSync(script, 'utf8'), (line) => writeFully(`${line}\n`));
    return 0;
  } catch (error) {
    process.stderr.write(
      `${error instanceof SqlError ? error.message : `Error: ${error instanceof Error ? error.message : error}`}\n`,
    );
    return 1;
  }
}

/** Code that never ran is slow: what the job will do is done once with nothing, in a database that is thrown away. */
function rehearse(): void {
  const scratch = openDatabase();
  job.parse({ script: '', directory: '' });
  scratch.restrict();
  runScript(scratch.connection, 'CREATE TABLE t (a); INSERT INTO t VALUES (1); SELECT a FROM t;', () => {});
  scratch.connection.close();
}

function readToEnd(descriptor: number): string {
  const parts: Buffer[] = [];
  const buffer = Buffer.alloc(65_536);
  for (let length = readSync(descriptor, buffer); length > 0; length = readSync(descriptor, buffer)) {
    parts.push(Buffer.from(buffer.subarray(0, length)));
  }
  return Buffer.concat(parts).toString('utf8');
}

/** A pipe takes a part of a long line at a time. */
function writeFully(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
}

process.exitCode = main();
