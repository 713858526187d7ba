import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import validate from 'asl-validator';
import { expect, it } from 'vitest';

it('the state machine is valid Amazon States Language', () => {
  const definition = JSON.parse(readFileSync(join(import.meta.dirname, '../../statemachines/execution.asl.json'), 'utf8'));
  const { isValid, errorsText } = validate(definition);
  expect(errorsText()).toBe('');
  expect(isValid).toBe(true);
});
