import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfiguration } from './configuration.ts';
import { profileName } from './configuration-shape.ts';
import { type LimitsRequest, MAX_OPEN_EXECUTIONS, MINIMUM_LIMITS, mostConcurrent, mostOpen, resolveLimits } from './limits.ts';

const configuration = loadConfiguration(join(import.meta.dirname, '../../../config'));
const offered = configuration.environments.python?.limits ?? MINIMUM_LIMITS;
const python = { environment: 'python', profile: 'restricted' };

function errorsOf(request: Partial<LimitsRequest>) {
  const resolved = resolveLimits(configuration, { ...python, ...request });
  return 'errors' in resolved ? resolved.errors : [];
}

describe('limits', () => {
  it('are the environment’s and the default timeout when nothing is asked', () => {
    expect(resolveLimits(configuration, python)).toEqual({ limits: offered, timeout_seconds: 300 });
  });

  it('are less where less is asked, and only there', () => {
    const resolved = resolveLimits(configuration, { ...python, requested: { memory: '128MB', cpu: '0.25' }, timeout_seconds: 5 });
    expect(resolved).toEqual({ limits: { ...offered, memory_bytes: 128 * 2 ** 20, cpu: 0.25 }, timeout_seconds: 5 });
  });

  it('more than the environment offers is refused with field, limit and what came', () => {
    expect(errorsOf({ requested: { memory: '2GB', processes: 65 } })).toEqual([
      {
        field: 'body.resource_limits.memory',
        expected: 'from 32MB to 512MB (the limit of the environment python)',
        received: '2GB',
      },
      { field: 'body.resource_limits.processes', expected: 'from 1 to 64 (the limit of the environment python)', received: '65' },
    ]);
  });

  it('more time than the profile allows is refused, also when another profile allows it', () => {
    expect(errorsOf({ timeout_seconds: 301 })).toEqual([
      { field: 'body.timeout_seconds', expected: 'from 0.1 s to 300 s (the limit of the profile restricted)', received: '301' },
    ]);
    expect(errorsOf({ timeout_seconds: 600, profile: 'trusted' })).toEqual([]);
  });

  it.each([
    [{ memory: 1 }, 'memory'],
    [{ memory: '99999999999999GB' }, 'memory'],
    [{ cpu: '0' }, 'cpu'],
    [{ cpu: Number.POSITIVE_INFINITY }, 'cpu'],
    [{ cpu: Number.NaN }, 'cpu'],
    [{ disk: '0MB' }, 'disk'],
    [{ open_files: 3 }, 'open_files'],
  ])('absurd limits are refused: %j', (requested, name) => {
    expect(errorsOf({ requested }).map((error) => error.field)).toEqual([`body.resource_limits.${name}`]);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a timeout of %d is refused', (timeout_seconds) => {
    expect(errorsOf({ timeout_seconds }).map((error) => error.field)).toEqual(['body.timeout_seconds']);
  });

  it.each(['pyhton', '', 'constructor', '__proto__', 'toString'])('the unknown name %j is refused', (name) => {
    expect(errorsOf({ environment: name, profile: name }).map((error) => error.field)).toEqual([
      'body.environment',
      'body.security_profile',
    ]);
  });

  it('whatever is asked, nothing is ever above what environment and profile offer', () => {
    const number = fc.oneof(fc.double(), fc.integer());
    const amount = fc.option(number, { nil: undefined });
    const size = fc.option(
      fc.oneof(
        number,
        fc.tuple(fc.nat(), fc.constantFrom('B', 'KB', 'MB', 'GB')).map((parts) => parts.join('')),
      ),
      {
        nil: undefined,
      },
    );
    const requested = fc.record({ memory: size, cpu: amount, disk: size, processes: amount, open_files: amount });
    fc.assert(
      fc.property(requested, amount, fc.constantFrom(...profileName.options), (asked, timeout_seconds, profile) => {
        const resolved = resolveLimits(configuration, { environment: 'python', profile, requested: asked, timeout_seconds });
        if ('errors' in resolved) return;
        for (const [name, most] of Object.entries(offered)) {
          const value = new Map(Object.entries(resolved.limits)).get(name) ?? Number.NaN;
          expect(value > 0 && value <= most, `${name} ${value}`).toBe(true);
        }
        expect(resolved.timeout_seconds).toBeLessThanOrEqual(configuration.profiles[profile].max_execution_time_seconds);
      }),
    );
  });
});

describe('what one person may have', () => {
  const roleLimits = {
    developer: { max_concurrent_executions: 2, max_open_executions: 20 },
    robot: { max_open_executions: 500 },
  };
  const limited = { ...configuration, roleLimits };

  it('running is the most that one of the roles allows; a role that says nothing allows any number', () => {
    expect(mostConcurrent(limited, ['developer'])).toBe(2);
    expect(mostConcurrent(limited, ['developer', 'robot'])).toBeNull();
  });

  it('not done is limited for everybody', () => {
    expect(mostOpen(limited, ['developer'])).toBe(20);
    expect(mostOpen(limited, ['developer', 'robot'])).toBe(500);
    expect(mostOpen(limited, ['developer', 'admin'])).toBe(MAX_OPEN_EXECUTIONS);
    expect(mostOpen(limited, [])).toBe(MAX_OPEN_EXECUTIONS);
  });
});
