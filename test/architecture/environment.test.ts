/** A function is given what it reads, and nothing else: who holds a table's name may look as if it used the table. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FUNCTION_ENVIRONMENT } from '../../functions/contracts/environment.ts';

const functions = join(import.meta.dirname, '../../functions');
const textIn = (folder: string): string =>
  readdirSync(join(functions, folder))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(functions, folder, name), 'utf8'))
    .join('\n');
const runtime = textIn('runtime');

it.each(Object.entries(FUNCTION_ENVIRONMENT))('%s', (entry, { shape }) => {
  const own = textIn(entry);
  // The wrapper of API functions is handed all of it.
  const read = own.includes('apiHandler(environment') ? own + runtime : own;
  const unread = Object.keys(shape).filter((name) => !new RegExp(`\\.${name}\\b`).test(read));
  expect(unread, 'given, and never read').toEqual([]);
});
