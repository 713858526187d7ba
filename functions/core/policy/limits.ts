/** What a run may use: what its environment and profile offer, or less when the request asks for less; never more. */
import type { FieldError } from '../../contracts/errors.ts';
import type { RequestedLimits } from '../../contracts/execution.ts';
import type { ResourceLimits } from '../../contracts/manifest.ts';
import { formatByteSize, parseByteSize } from './byte-size.ts';
import type { Configuration } from './configuration.ts';

/** Below these nothing starts, so asking for less is a mistake and not a wish. */
export const MINIMUM_LIMITS: ResourceLimits = {
  memory_bytes: 32 * 2 ** 20,
  cpu: 0.05,
  disk_bytes: 2 ** 20,
  processes: 1,
  open_files: 16,
};
export const MINIMUM_TIMEOUT_SECONDS = 0.1;

export interface LimitsRequest {
  readonly environment: string;
  /** A role's say is which profiles it may use (`mayUseProfile`). */
  readonly profile: string;
  readonly requested?: RequestedLimits | undefined;
  readonly timeout_seconds?: number | undefined;
}

export type ResolvedLimits =
  | { readonly limits: ResourceLimits; readonly timeout_seconds: number }
  | { readonly errors: readonly FieldError[] };

/** Limits in bytes, shares and seconds, or every field that asks for too much, too little or for something unknown. */
export function resolveLimits(configuration: Configuration, request: LimitsRequest): ResolvedLimits {
  const environment = own(configuration.environments, request.environment);
  const profile = own(configuration.profiles, request.profile);
  const errors: FieldError[] = [];
  if (!environment) {
    errors.push(unknownName('body.environment', Object.keys(configuration.environments), request.environment));
  }
  if (!profile) errors.push(unknownName('body.security_profile', Object.keys(configuration.profiles), request.profile));
  if (!environment || !profile) return { errors };

  const asked = request.requested ?? {};
  const offered = environment.limits;
  const by = `the environment ${request.environment}`;
  const within = (
    field: string,
    wanted: Wanted,
    least: number,
    most: number,
    limitOf: string,
    format: (value: number) => string,
  ) => {
    if (wanted === undefined) return most;
    if (wanted.value !== null && wanted.value >= least && wanted.value <= most) return wanted.value;
    const expected = `from ${format(least)} to ${format(most)} (the limit of ${limitOf})`;
    errors.push({ field, expected, received: String(wanted.written) });
    return most;
  };
  const at = (name: string) => `body.resource_limits.${name}`;
  const least = MINIMUM_LIMITS;

  const limits: ResourceLimits = {
    memory_bytes: within(at('memory'), size(asked.memory), least.memory_bytes, offered.memory_bytes, by, formatByteSize),
    cpu: within(at('cpu'), amount(asked.cpu), least.cpu, offered.cpu, by, String),
    disk_bytes: within(at('disk'), size(asked.disk), least.disk_bytes, offered.disk_bytes, by, formatByteSize),
    processes: within(at('processes'), amount(asked.processes), least.processes, offered.processes, by, String),
    open_files: within(at('open_files'), amount(asked.open_files), least.open_files, offered.open_files, by, String),
  };
  const longest = profile.max_execution_time_seconds;
  const timeout_seconds =
    request.timeout_seconds === undefined
      ? Math.min(configuration.interpreter.default_timeout_seconds, longest)
      : within(
          'body.timeout_seconds',
          amount(request.timeout_seconds),
          MINIMUM_TIMEOUT_SECONDS,
          longest,
          `the profile ${request.profile}`,
          (value) => `${value} s`,
        );
  return errors.length > 0 ? { errors } : { limits, timeout_seconds };
}

/** How many runs a person of these roles may have at the same time: the most generous role counts; null when one of them sets no limit. */
export function mostConcurrent(configuration: Configuration, roles: readonly string[]): number | null {
  const limits = roles.map((role) => configuration.roleLimits[role]?.max_concurrent_executions ?? Number.POSITIVE_INFINITY);
  const most = Math.max(...limits);
  return Number.isFinite(most) ? most : null;
}

/** The line is looked at only so far, and one person must not fill it. */
export const MAX_OPEN_EXECUTIONS = 100;

/** How many executions a person of these roles may have that are not done: the most generous role counts. */
export function mostOpen(configuration: Configuration, roles: readonly string[]): number {
  const limits = roles.map((role) => configuration.roleLimits[role]?.max_open_executions ?? MAX_OPEN_EXECUTIONS);
  return limits.length > 0 ? Math.max(...limits) : MAX_OPEN_EXECUTIONS;
}

/** What was asked, as written and as a number; null for what is none; undefined when nothing was asked. */
type Wanted = { readonly written: number | string; readonly value: number | null } | undefined;

const size = (written: number | string | undefined): Wanted =>
  written === undefined ? undefined : { written, value: parseByteSize(written) };

const amount = (written: number | string | undefined): Wanted =>
  written === undefined ? undefined : { written, value: Number.isFinite(Number(written)) ? Number(written) : null };

const unknownName = (field: string, known: readonly string[], received: string): FieldError => ({
  field,
  expected: `one of ${known.join(', ')}`,
  received,
});

/** Names come from requests, so `constructor` and its like must not be found. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
