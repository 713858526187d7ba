/** The kinds of values that the schemas of the YAML files are made of. A message says what is expected; `problemsOf` adds what came. */
import { z } from 'zod';

export const words = (values: readonly string[]): string => values.join(', ');

/** A mapping with exactly these keys. */
export const section = <S extends z.core.$ZodLooseShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) =>
      (issue.code === 'unrecognized_keys' ? 'only the keys ' : 'a mapping with the keys ') + words(Object.keys(shape)),
  });

export const oneOf = <const V extends readonly string[]>(values: V) => z.enum(values, { error: `one of ${words(values)}` });
export const exactly = <const V extends string | boolean>(value: V, because: string) =>
  z.literal(value, { error: `${value} (${because})` });
export const yesOrNo = z.boolean({ error: 'true or false' });
export const text = z.string({ error: 'text' }).min(1, { error: 'text' });

/** `most` is a guard against slips of the hand, not a capacity. */
export const whole = (what: string, least: number, most: number) => {
  const error = `a whole number of ${what} from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};
