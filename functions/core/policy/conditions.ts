/**
 * Conditions owners write, in CEL. They are type-checked when the configuration is loaded, see only the variables below, and a
 * condition that cannot be evaluated does not hold.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';

export interface ConditionFacts {
  /** The timeout of the run in seconds. */
  readonly execution_time: number;
  readonly no_network_access: boolean;
  readonly trusted_agent: boolean;
}

const VARIABLES = { execution_time: 'double', no_network_access: 'bool', trusted_agent: 'bool' } as const satisfies Record<
  keyof ConditionFacts,
  string
>;

const environment = new Environment({ limits: { maxAstNodes: 200, maxDepth: 20 } });
for (const [name, type] of Object.entries(VARIABLES)) environment.registerVariable(name, type);

export const CONDITION_VARIABLES = Object.entries(VARIABLES)
  .map(([name, type]) => `${name} (${type})`)
  .join(', ');

/** Why the text is no condition, in one line; null when it is one. */
export function conditionMistake(condition: string): string | null {
  const { valid, type, error } = environment.check(condition);
  if (!valid) return firstLine(error?.message ?? 'it cannot be read');
  if (type !== 'bool') return `its type is ${type}`;
  // Regular expressions of unbounded cost.
  if (calls(environment.parse(condition).ast, 'matches')) return 'it calls matches()';
  return null;
}

/** Whether the condition is true of the facts. Throws when it cannot be evaluated, or is not a condition. */
export function conditionHolds(condition: string, facts: ConditionFacts): boolean {
  const mistake = conditionMistake(condition);
  if (mistake !== null) throw new Error(`${condition}: ${mistake}`);
  return environment.evaluate(condition, { ...facts }) === true;
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

function calls(value: unknown, name: string): boolean {
  if (Array.isArray(value)) return value.some((member) => calls(member, name));
  if (!isNode(value)) return false;
  const args: unknown = value.args;
  if ((value.op === 'call' || value.op === 'rcall') && value.args[0] === name) return true;
  return calls(args, name);
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
