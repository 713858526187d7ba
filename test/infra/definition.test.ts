import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import validate from 'asl-validator';
import { expect, it } from 'vitest';

const folder = join(import.meta.dirname, '../../statemachines');

it.each(readdirSync(folder))('the state machine %s is valid Amazon States Language', (file) => {
  const { isValid, errorsText } = validate(JSON.parse(readFileSync(join(folder, file), 'utf8')));
  expect(errorsText()).toBe('');
  expect(isValid).toBe(true);
});
