import type { z } from 'zod';
import { log } from './log.ts';

/**
 * The wrapper of the functions a state machine calls: what comes in and what goes out are held to their schemas, one line is logged a
 * call. An expected outcome is data; whatever is thrown is a fault, retried by the machine.
 */
export function taskHandler<I extends z.ZodType, O>(
  name: string,
  input: I,
  run: (input: z.output<I>) => Promise<O>,
): (event: unknown) => Promise<O> {
  return async (event) => {
    const startedAt = performance.now();
    const parsed = input.parse(event);
    const ids = logged(parsed);
    try {
      const output = await run(parsed);
      log.info(name, { ...ids, ...logged(output), duration_ms: Math.round(performance.now() - startedAt) });
      return output;
    } catch (error) {
      log.error(`${name} failed`, error, ids);
      throw error;
    }
  };
}

/** Ids and outcomes; never a task token. */
function logged(value: unknown): Record<string, string> {
  if (value === null || typeof value !== 'object') return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && /(_id|^outcome|^reason|^code)$/.test(entry[0]),
    ),
  );
}
