import { z } from 'zod';

/** Query values arrive as text; these say so and turn them into numbers. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `expected a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min).max(max));

export const cursor = z
  .string()
  .max(2000)
  .regex(/^[A-Za-z0-9_-]+$/, 'expected a cursor of an earlier answer');
export const nextCursor = z.string().nullable();
