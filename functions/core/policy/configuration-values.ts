/** Values of the owner's YAML. A message says what is expected; `problemsOf` adds what came. */
import { z } from 'zod';
import { roleName } from '../../contracts/identity.ts';
import { formatByteSize, parseByteSize } from './byte-size.ts';
import { MINIMUM_LIMITS } from './limits.ts';

const words = (values: readonly string[]): string => values.join(', ');

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
export const seconds = whole('seconds', 1, 86_400);
const portError = { error: 'a port from 1 to 65535' };
export const port = z.int(portError).min(1, portError).max(65_535, portError);

export const bytes = (least: number, most = Number.POSITIVE_INFINITY) =>
  z.unknown().transform((value, context): number => {
    const size = parseByteSize(value);
    if (size !== null && size >= least && size <= most) return size;
    const message = Number.isFinite(most)
      ? `a size from ${formatByteSize(least)} to ${formatByteSize(most)}, as 64MB`
      : `a size of at least ${formatByteSize(least)}, as 512MB or 1GB`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

export const cpu = z.unknown().transform((value, context): number => {
  const share = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof share === 'number' && share >= MINIMUM_LIMITS.cpu && share <= 64) return share;
  context.addIssue({ code: 'custom', message: `a share of CPUs from ${MINIMUM_LIMITS.cpu} to 64, as "0.5"` });
  return z.NEVER;
});

/** Whether the roles exist is checked where all files are known. */
export const roleNames = z
  .array(roleName.or(z.never({ error: 'the name of a role' })), { error: 'a list of roles' })
  .min(1, { error: 'at least one role' });
