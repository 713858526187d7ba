/** From the owner's YAML files to one checked configuration. The only place in core that reads files: `loadConfiguration`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { ADMIN_ROLE, PERMISSIONS, type Permission } from '../../contracts/identity.ts';
import { type Language, language } from '../../contracts/manifest.ts';
import { approvalProblems, resolveRules } from './approval-rules.ts';
import { formatByteSize } from './byte-size.ts';
import { CONFIGURATION_FILES, type ConfigurationFile, type ConfigurationFileName } from './configuration-files.ts';
import {
  ConfigurationError,
  type ConfigurationProblem,
  problemsOf,
  readYaml,
  type YamlFile,
  type YamlPath,
} from './configuration-problems.ts';
import type { StageName } from './configuration-security.ts';
import { type configurationSchema, type ProfileName, profileName } from './configuration-shape.ts';

export type Configuration = z.infer<typeof configurationSchema>;

const SCHEMAS: { readonly [N in ConfigurationFileName]: z.ZodType<ConfigurationFile<N>> } = CONFIGURATION_FILES;
const FILE_NAMES = Object.keys(CONFIGURATION_FILES) as ConfigurationFileName[];

/** Reads the files of a directory; a missing one is reported with all other mistakes. Throws ConfigurationError. */
export function loadConfiguration(directory: string): Configuration {
  return parseConfiguration(readTexts(directory));
}

/**
 * Checks and resolves the texts of the files, by name. Throws one ConfigurationError with every mistake in the files' own values; when
 * there is none, with every contradiction between them.
 */
export function parseConfiguration(texts: Readonly<Record<string, string>>): Configuration {
  const problems: ConfigurationProblem[] = [];
  const security = readFile('execution-security.yaml', texts, problems);
  const interpreter = readFile('code-interpreter-mcp.yaml', texts, problems);
  const humans = readFile('hitl-mcp.yaml', texts, problems);
  const safety = readFile('workflow-safety-policies.yaml', texts, problems);
  const access = readFile('api-security.yaml', texts, problems);
  if (!security || !interpreter || !humans || !safety || !access) throw new ConfigurationError(problems);

  const files = { security, interpreter, humans, safety, access };
  const contradictions = [
    ...environmentProblems(files),
    ...policyProblems(files),
    ...poolProblems(files),
    ...roleProblems(files),
  ];
  if (contradictions.length > 0) throw new ConfigurationError(contradictions);
  return resolve(files);
}

interface Read<N extends ConfigurationFileName> {
  readonly content: ConfigurationFile<N>;
  readonly problem: YamlFile['problem'];
}

interface Files {
  readonly security: Read<'execution-security.yaml'>;
  readonly interpreter: Read<'code-interpreter-mcp.yaml'>;
  readonly humans: Read<'hitl-mcp.yaml'>;
  readonly safety: Read<'workflow-safety-policies.yaml'>;
  readonly access: Read<'api-security.yaml'>;
}

function readTexts(directory: string): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const name of FILE_NAMES) {
    try {
      texts[name] = readFileSync(join(directory, name), 'utf8');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  return texts;
}

function readFile<N extends ConfigurationFileName>(
  name: N,
  texts: Readonly<Record<string, string>>,
  problems: ConfigurationProblem[],
): Read<N> | null {
  const text = texts[name];
  if (text === undefined) {
    problems.push({ file: name, line: null, column: null, path: '', expected: 'the file', received: 'nothing' });
    return null;
  }
  const file = readYaml(name, text);
  problems.push(...file.mistakes);
  if (!file.isReadable) return null;
  const checked = SCHEMAS[name].safeParse(file.value);
  if (!checked.success) problems.push(...problemsOf(file, checked.error));
  return checked.success && file.mistakes.length === 0 ? { content: checked.data, problem: file.problem } : null;
}

const isLanguage = (name: string): name is Language => language.safeParse(name).success;

function* environmentProblems({ security, interpreter }: Files): Generator<ConfigurationProblem> {
  const environments = security.content.execution_environments;
  const ceilings = interpreter.content.security.resource_limits;
  for (const name of language.options) {
    if (!Object.hasOwn(environments, name)) {
      yield security.problem(
        ['execution_environments', name],
        `an environment of the name of each language: ${language.options.join(', ')}`,
      );
    }
  }
  for (const [name, environment] of Object.entries(environments)) {
    const at = (...path: string[]): YamlPath => ['execution_environments', name, ...path];
    const of = isLanguage(name) ? name : environment.language;
    if (of === undefined) {
      yield security.problem(at('language'), `the language of the environment: one of ${language.options.join(', ')}`);
      continue;
    }
    if (environment.language !== undefined && environment.language !== of) yield security.problem(at('language'), of);

    const described = interpreter.content.languages[of];
    if (environment.image !== described.base_image) {
      const expected = `${described.base_image}, as languages.${of}.base_image in code-interpreter-mcp.yaml`;
      yield security.problem(at('image'), expected);
    }
    const packages = described.allowed_packages.map(nameOfPackage).sort().join(', ');
    if ([...environment.allowed_packages].sort().join(', ') !== packages) {
      const expected = `${packages || 'an empty list'}, as languages.${of}.allowed_packages in code-interpreter-mcp.yaml`;
      yield security.problem(at('allowed_packages'), expected);
    }
    const { memory, cpu } = environment.resource_limits;
    if (memory > ceilings.memory) {
      const expected = `at most ${formatByteSize(ceilings.memory)} (security.resource_limits.memory in code-interpreter-mcp.yaml)`;
      yield security.problem(at('resource_limits', 'memory'), expected);
    }
    if (cpu > ceilings.cpu_shares / 1024) {
      const expected = `at most ${ceilings.cpu_shares / 1024} (security.resource_limits.cpu_shares / 1024 in code-interpreter-mcp.yaml)`;
      yield security.problem(at('resource_limits', 'cpu'), expected);
    }
  }
  const [image, ...others] = new Set(Object.values(environments).map((environment) => environment.image));
  if (others.length > 0) {
    yield security.problem(
      ['execution_environments'],
      `one image for all environments, as ${image} (more are not supported yet)`,
      others.join(', '),
    );
  }
}

const nameOfPackage = (requirement: string): string => requirement.replace(/(?<=.)(@|>=|==).*$/, '');

function* policyProblems({ security, interpreter }: Files): Generator<ConfigurationProblem> {
  const policies = Object.entries(security.content.security_policies);
  const ceiling = interpreter.content.security.resource_limits.execution_time;
  const withinCeiling = `at most ${ceiling} (security.resource_limits.execution_time in code-interpreter-mcp.yaml)`;
  for (const profile of profileName.options) {
    const [first, ...others] = policies.filter(([, policy]) => policy.profile === profile).map(([name]) => name);
    if (first === undefined) yield security.problem(['security_policies'], `a policy for the profile ${profile}`, 'none');
    for (const other of others) {
      yield security.problem(['security_policies', other, 'profile'], `a profile no other policy has (${first} is ${profile})`);
    }
  }
  for (const [name, policy] of policies) {
    const at = (key: string): YamlPath => ['security_policies', name, key];
    if (policy.max_execution_time > ceiling) yield security.problem(at('max_execution_time'), withinCeiling);
    if (!policy.require_approval && !policy.requires_trusted_agent) {
      yield security.problem(at('requires_trusted_agent'), 'true where require_approval is false');
    }
    if (!policy.require_approval && policy.auto_approve) {
      yield security.problem(at('auto_approve'), 'false where require_approval is false: there is nothing to lift');
    }
  }
  if (interpreter.content.server.execution_timeout > ceiling) {
    yield interpreter.problem(['server', 'execution_timeout'], withinCeiling);
  }
}

/** Every role that any file names is described, inheritance ends, and somebody can administer. */
function* roleProblems({ security, humans, access }: Files): Generator<ConfigurationProblem> {
  const { roles } = access.content.authorization;
  const defined = Object.keys(roles).join(', ');
  const unknown = (role: string): boolean => !Object.hasOwn(roles, role);
  const expected = `a role described in authorization.roles of api-security.yaml: ${defined}`;

  if (!roles[ADMIN_ROLE]?.permissions.includes('*')) {
    yield access.problem(['authorization', 'roles', ADMIN_ROLE], 'the role admin with the permissions ["*"]');
  }
  for (const [name, role] of Object.entries(roles)) {
    for (const [index, inherited] of role.inherits.entries()) {
      const path = ['authorization', 'roles', name, 'inherits', index];
      if (unknown(inherited)) yield access.problem(path, expected);
      else if (ancestorsOf(inherited, roles).has(name)) yield access.problem(path, `a role that does not inherit ${name} itself`);
    }
  }
  for (const [index, role] of access.content.authentication.mfa.required_for_roles.entries()) {
    if (unknown(role)) yield access.problem(['authentication', 'mfa', 'required_for_roles', index], expected);
  }
  if (access.content.monitoring.anomalies.key_new_network && !access.content.authentication.api_keys.usage_tracking) {
    const reason = 'false while authentication.api_keys.usage_tracking is false: nobody knows where a key was used before';
    yield access.problem(['monitoring', 'anomalies', 'key_new_network'], reason);
  }
  if (access.content.monitoring.responses.low.length > 0) {
    yield access.problem(['monitoring', 'responses', 'low'], 'an empty list: no anomaly is low', 'responses');
  }
  const { access_token_ttl: accessSeconds, refresh_token_ttl: refreshSeconds } = access.content.authentication.jwt;
  if (refreshSeconds <= accessSeconds) {
    const reason = `more than access_token_ttl (${accessSeconds}): the user pool takes no other`;
    yield access.problem(['authentication', 'jwt', 'refresh_token_ttl'], reason);
  }
  const { providers, public_url: publicUrl } = access.content.authentication.sso;
  if (providers.length > 0 && publicUrl === undefined) {
    yield access.problem(['authentication', 'sso', 'public_url'], 'the address providers send people back to', 'nothing');
  }
  for (const [index, { name, second_factor: secondFactor }] of providers.entries()) {
    const isTaken = name === 'COGNITO' || providers.findIndex((other) => other.name === name) < index;
    if (isTaken) yield access.problem(['authentication', 'sso', 'providers', index, 'name'], 'a name no other provider has');
    if (secondFactor && access.content.authentication.mfa.required_for_roles.length === 0) {
      const reason = 'false while authentication.mfa.required_for_roles is empty: nobody is asked for a second factor';
      yield access.problem(['authentication', 'sso', 'providers', index, 'second_factor'], reason);
    }
  }
  for (const [group, given] of Object.entries(access.content.authentication.sso.group_roles)) {
    if (given.length === 0) {
      const reason = 'at least one role; a group that gives none is not named';
      yield access.problem(['authentication', 'sso', 'group_roles', group], reason, 'an empty list');
    }
    for (const [index, role] of given.entries()) {
      if (unknown(role)) yield access.problem(['authentication', 'sso', 'group_roles', group, index], expected);
    }
  }
  for (const [name, policy] of Object.entries(security.content.security_policies)) {
    for (const [index, role] of policy.roles.entries()) {
      if (unknown(role)) yield security.problem(['security_policies', name, 'roles', index], expected);
    }
  }
  for (const role of Object.keys(security.content.role_limits)) {
    if (unknown(role)) yield security.problem(['role_limits', role], expected);
  }
  // `*` grants routes, never eligibility; but a role that cannot reach the route of decisions is no approver either.
  const isUnknown = (role: string): string | null => (unknown(role) ? expected : null);
  const cannotApprove = (role: string): string | null =>
    grantedBy(role, roles).includes('approve') ? null : 'a role with the permission approve';
  yield* approvalProblems(humans, { unknown: isUnknown, unfit: (role) => isUnknown(role) ?? cannotApprove(role) });
}

type Roles = ConfigurationFile<'api-security.yaml'>['authorization']['roles'];

/** The role and all it inherits, however far. */
function ancestorsOf(name: string, roles: Roles, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const inherited of roles[name]?.inherits ?? []) ancestorsOf(inherited, roles, seen);
  return seen;
}

function grantedBy(name: string, roles: Roles): Permission[] {
  const words = [...ancestorsOf(name, roles)].flatMap((role) => roles[role]?.permissions ?? []);
  return PERMISSIONS.filter((permission) => words.includes('*') || words.includes(permission));
}

function* poolProblems({ security, interpreter }: Files): Generator<ConfigurationProblem> {
  const most = interpreter.content.server.max_concurrent_executions;
  if (security.content.sandbox_pool.size > most) {
    const expected = `at most ${most} (server.max_concurrent_executions in code-interpreter-mcp.yaml): more would never be used`;
    yield security.problem(['sandbox_pool', 'size'], expected);
  }
  const { size, spare } = security.content.sandbox_pool;
  if (spare !== undefined && spare > size) {
    yield security.problem(['sandbox_pool', 'spare'], `at most ${size} (sandbox_pool.size)`);
  }
}

function resolve(files: Files): Configuration {
  const { execution_environments, security_policies, role_limits, uploads, sandbox_pool } = files.security.content;
  const { server, languages, security } = files.interpreter.content;
  const { code_execution: safety } = files.safety.content.safety_policies;
  const thresholds = files.safety.content.risk_thresholds;
  return {
    environments: Object.fromEntries(
      Object.entries(execution_environments).map(([name, environment]) => {
        const of = isLanguage(name) ? name : environment.language;
        if (of === undefined) throw new Error(`the environment ${name} has no language`);
        const { memory, cpu, disk, processes, open_files } = environment.resource_limits;
        const resolved: Configuration['environments'][string] = {
          language: of,
          image: environment.image,
          network_mode: environment.network_mode,
          limits: { memory_bytes: memory, cpu, disk_bytes: disk, processes, open_files },
          ...environment.filesystem,
          allowed_packages: environment.allowed_packages,
        };
        return [name, resolved];
      }),
    ),
    profiles: {
      restricted: profileFrom(security_policies, 'restricted'),
      standard: profileFrom(security_policies, 'standard'),
      trusted: profileFrom(security_policies, 'trusted'),
    },
    languages,
    interpreter: {
      port: server.port,
      default_timeout_seconds: server.execution_timeout,
      max_concurrent_executions: server.max_concurrent_executions,
      max_memory_bytes: security.resource_limits.memory,
      max_cpu: security.resource_limits.cpu_shares / 1024,
      max_execution_time_seconds: security.resource_limits.execution_time,
    },
    roleLimits: role_limits,
    sandboxPool: { ...sandbox_pool, spare: sandbox_pool.spare ?? sandbox_pool.size },
    uploads: { max_file_bytes: uploads.max_file_size },
    approvalServer: { ...files.humans.content.server, public_url: files.humans.content.server.public_url ?? null },
    approvalRules: resolveRules(files.humans.content),
    notificationChannels: files.humans.content.notification_channels,
    review: {
      long_execution_seconds: safety.max_execution_time,
      large_memory_bytes: safety.memory_limit,
      large_cpu: safety.cpu_limit,
      dangerous_patterns: safety.dangerous_patterns.map((entry) =>
        typeof entry === 'string' ? { pattern: entry, level: 'high' } : entry,
      ),
    },
    security: apiSecurityOf(files.access.content),
    riskThresholds: {
      requires_approval: thresholds.requires_approval ?? null,
      blocked_execution: thresholds.blocked_execution ?? null,
    },
  };
}

function apiSecurityOf(file: ConfigurationFile<'api-security.yaml'>): Configuration['security'] {
  const { jwt, mfa, sso, api_keys } = file.authentication;
  const { stages, ...everywhere } = file.rate_limiting;
  const { roles } = file.authorization;
  return {
    authentication: {
      jwt: { access_token_ttl: jwt.access_token_ttl, refresh_token_ttl: jwt.refresh_token_ttl },
      mfa,
      sso,
      api_keys: {
        auto_rotation_days: api_keys.auto_rotation_days,
        overlap_hours: api_keys.overlap_hours,
        max_per_user: api_keys.max_per_user,
        usage_tracking: api_keys.usage_tracking,
      },
    },
    authorization: { roles: Object.fromEntries(Object.keys(roles).map((name) => [name, grantedBy(name, roles)])) },
    rate_limiting: {
      ...everywhere,
      stages: Object.fromEntries(Object.entries(stages).map(([stage, own]) => [stage, { ...everywhere, ...own }])),
    },
    monitoring: file.monitoring,
  };
}

/** The configuration with the numbers of one stage in force. */
export function configurationOf(configuration: Configuration, stage: StageName): Configuration {
  const { security } = configuration;
  const { stages, ...everywhere } = security.rate_limiting;
  return { ...configuration, security: { ...security, rate_limiting: { ...everywhere, ...stages[stage], stages: {} } } };
}

type Policies = ConfigurationFile<'execution-security.yaml'>['security_policies'];

function profileFrom(policies: Policies, profile: ProfileName): Configuration['profiles'][ProfileName] {
  const [name, policy] = Object.entries(policies).find(([, candidate]) => candidate.profile === profile) ?? [];
  if (name === undefined || policy === undefined) throw new Error(`no policy describes the profile ${profile}`);
  return {
    policy: name,
    require_approval: policy.require_approval,
    auto_approve: policy.auto_approve,
    requires_trusted_agent: policy.requires_trusted_agent,
    max_execution_time_seconds: policy.max_execution_time,
    audit_level: policy.audit_level,
    roles: policy.roles,
  };
}
