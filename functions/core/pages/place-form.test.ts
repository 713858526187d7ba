import { expect, it } from 'vitest';
import { readHours } from './place-form.ts';

const now = new Date('2026-11-23T12:00:00.000Z');

it.each([
  ['', null],
  ['  ', null],
  ['1.5', '2026-11-23T13:30:00.000Z'],
  ['8760', '2027-11-23T12:00:00.000Z'],
])('%j hours end at %s', (written, until) => {
  expect(readHours(written, now)).toBe(until);
});

it.each(['0', '-1', '1e3', '8761', 'two', '0x10', '1,5', '99999'])('%j is no time', (written) => {
  expect(readHours(written, now)).toBeUndefined();
});
