import { FUNCTION_ENVIRONMENT, type FunctionEnvironment, type FunctionName } from '../contracts/environment.ts';

/** The function's settings, checked at start: a missing one stops it there and says which. */
export function environmentOf<N extends FunctionName>(name: N): FunctionEnvironment<N> {
  const parsed = FUNCTION_ENVIRONMENT[name].safeParse(process.env);
  if (!parsed.success) {
    const missing = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
    throw new Error(`${name} is not configured: ${missing}`);
  }
  return parsed.data as FunctionEnvironment<N>;
}
