/**
 * Conditions owners write, in CEL. They are type-checked when the configuration is loaded, see only the variables they are given, and
 * a condition that cannot be evaluated does not hold.
 */
import { type ASTNode, Environment, type ObjectSchema } from '@marcbachmann/cel-js';

type Variables = Readonly<Record<string, string | ObjectSchema>>;

/** One language: the same checks and limits for every kind of condition, over variables of its own. */
function conditionsOver<Facts extends object>(variables: Variables & Record<keyof Facts, unknown>) {
  const environment = new Environment({ limits: { maxAstNodes: 200, maxDepth: 20 } });
  for (const [name, type] of Object.entries<string | ObjectSchema>(variables)) {
    if (typeof type === 'string') environment.registerVariable(name, type);
    else environment.registerVariable({ name, schema: type });
  }

  /** Why the text is no condition, in one line; null when it is one. */
  function mistake(condition: string): string | null {
    const { valid, type, error } = environment.check(condition);
    if (!valid) return firstLine(error?.message ?? 'it cannot be read');
    if (type !== 'bool') return `its type is ${type}`;
    // Regular expressions of unbounded cost.
    const { ast } = environment.parse(condition);
    if (calls(ast, 'matches')) return 'it calls matches()';
    const unknown = timeZonesIn(ast).find((zone) => !isTimeZone(zone));
    return unknown === undefined ? null : `there is no time zone ${unknown}`;
  }

  return {
    mistake,
    /** As `execution_time (double), …`. */
    variables: Object.entries(variables)
      .map(([name, type]) => (typeof type === 'string' ? `${name} (${type})` : `${name}.{${Object.keys(type).join(', ')}}`))
      .join(', '),
    /** Whether the condition is true of the facts. Throws when it cannot be evaluated, or is not a condition. */
    holds(condition: string, facts: Facts): boolean {
      const fault = mistake(condition);
      if (fault !== null) throw new Error(`${condition}: ${fault}`);
      return environment.evaluate(condition, { ...facts }) === true;
    },
  };
}

export interface AutoApproveFacts {
  /** The timeout of the run in seconds. */
  readonly execution_time: number;
  readonly no_network_access: boolean;
  readonly trusted_agent: boolean;
}

/** When all of a rule's hold, a profile that allows it runs without a human. */
export const autoApproveConditions = conditionsOver<AutoApproveFacts>({
  execution_time: 'double',
  no_network_access: 'bool',
  trusted_agent: 'bool',
});

/** What a rule may ask about before it applies. What an operation does not have is empty or 0. */
export interface RuleFacts {
  readonly language: string;
  readonly profile: string;
  readonly environment: string;
  /** `low`, `medium`, `high` or `critical`, as the review says. */
  readonly risk: string;
  readonly requester: {
    readonly email: string;
    readonly roles: readonly string[];
    readonly teams: readonly string[];
    readonly trusted_agent: boolean;
  };
  /** The team the operation belongs to. */
  readonly team: string;
  /** Packages the environment has. */
  readonly packages: readonly string[];
  readonly network: string;
  /** When it was asked for. */
  readonly time: Date;
  /** Seconds. */
  readonly timeout: number;
  readonly limits: {
    readonly memory_bytes: number;
    readonly cpu: number;
    readonly disk_bytes: number;
    readonly processes: number;
    readonly open_files: number;
  };
}

/** Whether a rule applies. */
export const ruleConditions = conditionsOver<RuleFacts>({
  language: 'string',
  profile: 'string',
  environment: 'string',
  risk: 'string',
  requester: { email: 'string', roles: 'list<string>', teams: 'list<string>', trusted_agent: 'bool' },
  team: 'string',
  packages: 'list<string>',
  network: 'string',
  time: 'google.protobuf.Timestamp',
  timeout: 'double',
  limits: { memory_bytes: 'double', cpu: 'double', disk_bytes: 'double', processes: 'double', open_files: 'double' },
});

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

function calls(value: unknown, name: string): boolean {
  if (Array.isArray(value)) return value.some((member) => calls(member, name));
  if (!isNode(value)) return false;
  const args: unknown = value.args;
  if ((value.op === 'call' || value.op === 'rcall') && value.args[0] === name) return true;
  return calls(args, name);
}

/** Time zones written out, as in `time.getHours("Europe/Berlin")`: whether one is there shows only when it is asked. */
function timeZonesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(timeZonesIn);
  if (!isNode(value)) return [];
  const args: unknown = value.args;
  if (value.op !== 'rcall' || !/^get[A-Z]/.test(value.args[0])) return timeZonesIn(args);
  const zones = value.args[2].flatMap((given) => (isNode(given) && typeof given.args === 'string' ? [given.args] : []));
  return [...zones, ...timeZonesIn(args)];
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
