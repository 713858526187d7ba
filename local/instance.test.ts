import { expect, it } from 'vitest';
import { instanceNameFrom } from './instance.ts';

it('the instance behind npm start is meant when none is named', () => {
  expect(instanceNameFrom({})).toBe('default');
});

it.each(['../elsewhere', 'Upper', 'a/b', '', '-x', 'a'.repeat(25)])(
  'the name %j is refused: it becomes a folder and a network',
  (name) => {
    expect(() => instanceNameFrom({ AIRLOCK_INSTANCE: name })).toThrow('AIRLOCK_INSTANCE');
  },
);
