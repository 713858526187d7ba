import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationOf, loadConfiguration, parseConfiguration } from './configuration.ts';
import { ConfigurationError, type ConfigurationProblem } from './configuration-problems.ts';
import { configurationFromJson } from './configuration-shape.ts';

const directory = join(import.meta.dirname, '../../../config');
const SECURITY = 'execution-security.yaml';
const INTERPRETER = 'code-interpreter-mcp.yaml';
const SAML = '{ type: saml, name: Okta, metadata_url: "https://idp.example/metadata" }';
const ACCESS = 'api-security.yaml';
const HUMANS = 'hitl-mcp.yaml';
const SAFETY = 'workflow-safety-policies.yaml';
const shipped = Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));

type Edit = readonly [file: string, from: string | RegExp, to: string];

function edited(edits: readonly Edit[]): Record<string, string> {
  const texts = { ...shipped };
  for (const [file, from, to] of edits) {
    const before = texts[file] ?? '';
    texts[file] = before.replace(from, to);
    expect(texts[file], `${from} is in ${file}`).not.toBe(before);
  }
  return texts;
}

function problemsWith(...edits: Edit[]): readonly ConfigurationProblem[] {
  return problemsIn(edited(edits));
}

function problemsIn(texts: Record<string, string>): readonly ConfigurationProblem[] {
  try {
    parseConfiguration(texts);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('the shipped configuration', () => {
  const configuration = loadConfiguration(directory);

  it('loads, and survives being written as JSON and read back', () => {
    expect(configurationFromJson(JSON.parse(JSON.stringify(configuration)))).toEqual(configuration);
  });

  it('gives sizes in bytes and times in seconds', () => {
    expect(configuration.environments.python?.limits).toEqual({
      memory_bytes: 512 * 2 ** 20,
      cpu: 0.5,
      disk_bytes: 256 * 2 ** 20,
      processes: 64,
      open_files: 256,
    });
    expect(configuration.profiles.trusted.max_execution_time_seconds).toBe(600);
    expect(configuration.interpreter.max_cpu).toBe(0.5);
  });

  it('gives a request that names no profile the one that always needs a human', () => {
    for (const settings of Object.values(configuration.languages)) expect(settings.security_profile).toBe('restricted');
    expect(configuration.profiles.restricted).toMatchObject({ policy: 'default', require_approval: true, auto_approve: false });
  });

  it('lets no profile run without a human except for trusted agents', () => {
    for (const profile of Object.values(configuration.profiles)) {
      expect(profile.require_approval || profile.requires_trusted_agent).toBe(true);
    }
  });
});

describe('rate limits of a stage', () => {
  const shippedOnes = loadConfiguration(directory);
  const limitsIn = (stage: 'local' | 'production') => configurationOf(shippedOnes, stage).security.rate_limiting;

  it('are its own where it has some, and otherwise those of all', () => {
    expect(limitsIn('production')).toEqual({ ...shippedOnes.security.rate_limiting, stages: {} });
    expect(limitsIn('production').per_user).toMatchObject({ requests_per_minute: 600, execution_requests_per_hour: 500 });
    expect(limitsIn('local').per_user.requests_per_minute).toBe(600_000);
    const one = parseConfiguration(
      edited([[ACCESS, '      per_key: { requests_per_minute: 600000, burst_limit: 60000 }\n', '']]),
    );
    expect(configurationOf(one, 'local').security.rate_limiting.per_key).toEqual(limitsIn('production').per_key);
  });

  it('are what functions read, which is what they check themselves', () => {
    const local = configurationOf(shippedOnes, 'local');
    expect(configurationFromJson(JSON.parse(JSON.stringify(local)))).toEqual(local);
  });
});

describe('a mistake is refused with file, line, path, expectation and what came', () => {
  it('a wrong value', () => {
    expect(problemsWith([SECURITY, 'memory: "512MB"', 'memory: "512 megs"'])).toEqual([
      {
        file: SECURITY,
        line: 11,
        column: 7,
        path: 'execution_environments.python.resource_limits.memory',
        expected: 'a size of at least 32MB, as 512MB or 1GB',
        received: '"512 megs"',
      },
    ]);
  });

  it('all mistakes of all files come at once, beside a key given twice', () => {
    const problems = problemsWith(
      [SECURITY, 'cpu: "0.5"', 'cpu: "half"'],
      [INTERPRETER, 'port: 3002', 'port: 0'],
      [HUMANS, 'required_approvers: 1', 'required_approvers: 0\n    required_approvers: 1'],
      [HUMANS, 'execution_time < 60', 'execution_tiem < 60'],
    );
    expect(problems.map(({ file, path }) => `${file} ${path}`)).toEqual([
      `${SECURITY} execution_environments.python.resource_limits.cpu`,
      `${INTERPRETER} server.port`,
      `${HUMANS} required_approvers`,
      `${HUMANS} approval_rules.code_execution.auto_approve_conditions[0]`,
    ]);
  });

  it('the message can be read in a terminal', () => {
    const texts = edited([[SECURITY, 'network_mode: "none"', 'network_mode: "\\u001b[31mred"']]);
    expect(() => parseConfiguration(texts)).toThrow(
      [
        'The configuration has 1 mistake:',
        `  ${SECURITY}:9:5  execution_environments.python.network_mode`,
        '    expected none',
        '    received "\\u001b[31mred"',
      ].join('\n'),
    );
  });

  it('a missing file', () => {
    const { [HUMANS]: _, ...rest } = shipped;
    expect(problemsIn(rest)).toEqual([
      { file: HUMANS, line: null, column: null, path: '', expected: 'the file', received: 'nothing' },
    ]);
  });

  it.each([
    ['an empty file', '', ''],
    ['no YAML', 'a: [1', ''],
    ['a list', '- 1', ''],
    ['an alias', 'server: &x 1\napproval_rules: *x', ''],
    ['two documents', 'a: 1\n---\nb: 2', ''],
  ])('%s', (_, text) => {
    const problems = problemsIn({ ...shipped, [HUMANS]: text });
    expect(problems[0]).toMatchObject({ file: HUMANS, path: '' });
  });

  it('the network mode `restricted`, which is not supported yet', () => {
    const [problem] = problemsWith([SECURITY, 'network_mode: "none"', 'network_mode: "restricted"']);
    expect(problem).toMatchObject({ expected: 'none (restricted is not supported yet: use none)', received: '"restricted"' });
  });

  const cases: readonly [name: string, edit: Edit, path: string, expected: string][] = [
    ['an unknown key', [SECURITY, 'open_files: 256', 'open_file: 256'], 'resource_limits.open_file', 'only the keys memory'],
    [
      'an unknown top-level key',
      [HUMANS, 'server:', 'sever: {}\nserver:'],
      'sever',
      'only the keys server, approver_levels, approval_rules, notification_channels',
    ],
    ['an unknown profile', [SECURITY, '"standard"', '"standrad"'], 'standard.profile', 'one of restricted, standard, trusted'],
    ['an unknown profile of a language', [INTERPRETER, '"restricted"', '"open"'], 'security_profile', 'one of restricted'],
    ['an unknown language', [INTERPRETER, '  bash:', '  ruby:'], 'languages.ruby', 'only the keys python, nodejs, bash, sql'],
    ['an environment of no language', [SECURITY, '  bash:', '  shell:'], 'execution_environments.shell.language', 'one of'],
    ['a language without an environment', [SECURITY, '  bash:', '  shell:\n    language: bash'], '.bash', 'of each language'],
    ['an environment of another language', [SECURITY, '  bash:', '  bash:\n    language: sql'], 'bash.language', 'bash'],
    ['a name no environment can have', [SECURITY, '  bash:', '  "Big Bash":'], 'Big Bash', 'lower-case letters'],
    ['an unknown variable', [HUMANS, 'no_network_access"', 'no_netwrok"'], 'conditions[1]', 'Unknown variable: no_netwrok'],
    [
      'a condition that is no yes or no',
      [HUMANS, 'execution_time < 60', 'execution_time'],
      'conditions[0]',
      'its type is double',
    ],
    ['a condition of unknown type', [HUMANS, '"trusted_agent"', '"dyn(trusted_agent)"'], 'conditions[2]', 'its type is dyn'],
    ['a regular expression', [HUMANS, '"trusted_agent"', "\"'a'.matches('a')\""], 'conditions[2]', 'matches()'],
    ['broken CEL', [HUMANS, 'execution_time < 60', 'execution_time <'], 'conditions[0]', 'Unexpected token'],
    ['an approver without the permission', [HUMANS, '["approver"', '["viewer"'], 'eligible_roles[0]', 'permission approve'],
    ['nobody who may decide', [HUMANS, '["approver", "admin"]', '[]'], 'code_execution.eligible_roles', 'at least one of'],
    ['an unknown role', [SECURITY, '["developer", "admin"]', '["dev"]'], 'roles[0]', 'a role described in'],
    ['network access', [INTERPRETER, 'network_access: false', 'network_access: true'], 'security.network_access', 'false'],
    ['an audit level below every record', [SECURITY, '"full"', '"none"'], 'audit_level', 'full, standard'],
    ['a writable root', [SECURITY, 'read_only: true', 'read_only: false'], 'filesystem.read_only', 'true'],
    [
      'time over the ceiling',
      [SECURITY, 'max_execution_time: 600', 'max_execution_time: 601'],
      'max_execution_time',
      'at most 600',
    ],
    ['default time over it', [INTERPRETER, 'timeout: 300', 'timeout: 900'], 'server.execution_timeout', 'at most 600'],
    ['memory over the ceiling', [SECURITY, '"512MB"', '"2GB"'], 'resource_limits.memory', 'at most 1GB'],
    ['CPU over the ceiling', [SECURITY, 'cpu: "0.5"', 'cpu: "0.6"'], 'resource_limits.cpu', 'at most 0.5'],
    ['limits under which nothing starts', [SECURITY, '"256MB"', '"1KB"'], 'resource_limits.disk', 'at least 1MB'],
    ['another image', [SECURITY, '"airlock-sandbox"', '"python:3.13"'], 'python.image', 'airlock-sandbox, as languages.python'],
    ['other packages', [SECURITY, '["numpy", "pandas"]', '["numpy"]'], 'python.allowed_packages', 'numpy, pandas, as'],
    [
      'a version in no known form',
      [INTERPRETER, 'numpy>=2.2.0,<2.3.0', 'numpy latest'],
      'allowed_packages[0]',
      'with its versions',
    ],
    [
      'two policies of one profile',
      [SECURITY, '"standard"', '"restricted"'],
      'security_policies',
      'a policy for the profile standard',
    ],
    ['no human and no trusted agent', [SECURITY, 'requires_trusted_agent: true', ''], 'requires_trusted_agent', 'true where'],
    [
      'a lift of nothing',
      [SECURITY, 'require_approval: false', 'require_approval: false\n    auto_approve: true'],
      'auto_approve',
      'false',
    ],
    ['a pool larger than ever used', [SECURITY, 'size: 2', 'size: 11'], 'sandbox_pool.size', 'at most 10'],
    ['more spare than there is', [SECURITY, 'spare: 2', 'spare: 3'], 'sandbox_pool.spare', 'at most 2'],
    [
      'a limit of no role',
      [SECURITY, '  developer:\n    max_con', '  nobody:\n    max_con'],
      'role_limits.nobody',
      'a role described in',
    ],
    ['uploads larger than a file can be', [SECURITY, '"100MB"', '"101MB"'], 'uploads.max_file_size', 'to 100MB'],
    ['uploads of nothing', [SECURITY, '"100MB"', '"0MB"'], 'uploads.max_file_size', 'from 1'],
    ['HS256', [ACCESS, '"RS256"', '"HS256"'], 'jwt.algorithm', 'whoever can verify a token could also make one'],
    [
      'a shared secret',
      [ACCESS, 'algorithm:', 'secret_key: "hush"\n    algorithm:'],
      'jwt.secret_key',
      'nothing: keys lie in KMS and Cognito',
    ],
    ['an unknown permission', [ACCESS, '["approve"]', '["aprove"]'], 'approver.permissions[0]', 'one of execute_code'],
    [
      'an inherited role that is none',
      [ACCESS, 'inherits: ["viewer"]', 'inherits: ["reader"]'],
      'approver.inherits[0]',
      'a role described in',
    ],
    [
      'roles that inherit each other',
      [ACCESS, '["read_state", "view_results"]', '["read_state"]\n      inherits: ["approver"]'],
      'viewer.inherits[0]',
      'does not inherit viewer itself',
    ],
    ['no admin', [ACCESS, 'permissions: ["*"]', 'permissions: ["approve"]'], 'roles.admin', '["*"]'],
    ['keys without a scope', [ACCESS, 'scope_enforcement: true', 'scope_enforcement: false'], 'scope_enforcement', 'true'],
    [
      'a rate of nothing',
      [ACCESS, 'requests_per_minute: 10000', 'requests_per_minute: 0'],
      'global.requests_per_minute',
      'from 1',
    ],
    [
      'a limit on a path that no route has',
      [ACCESS, '"/api/v1/execute"', '"/api/v1/exekute"'],
      'per_endpoint./api/v1/exekute',
      'the path of a route',
    ],
    ['numbers of no stage', [ACCESS, '    local: #', '    loca1: #'], 'stages.loca1', 'only the keys local, production'],
    [
      'half of a limit of a stage',
      [ACCESS, 'per_key: { requests_per_minute: 600000, burst_limit: 60000 }', 'per_key: { burst_limit: 60000 }'],
      'stages.local.per_key.requests_per_minute',
      'a whole number of requests a minute',
    ],
    ['a limit on no path', [ACCESS, '"/api/v1/execute"', '"execute"'], 'per_endpoint.execute', 'the path of a route'],
    [
      'a group that gives no known role',
      [ACCESS, 'group_roles: { "airlock-viewers": ["viewer"] }', 'group_roles: { Ops: ["ops"] }'],
      'Ops[0]',
      'a role described',
    ],
    [
      'a group that gives nothing',
      [ACCESS, 'group_roles: { "airlock-viewers": ["viewer"] }', 'group_roles: { Ops: [] }'],
      'group_roles.Ops',
      'at least one role',
    ],
    [
      'a provider that vouches for what nobody asks for',
      [
        ACCESS,
        /required_for_roles: .*\n\n[\s\S]*providers: \[\]/,
        `required_for_roles: []\n\n  sso:\n    public_url: "https://a.example"\n    providers: [${SAML.replace('}', ', second_factor: true }')}]`,
      ],
      'providers[0].second_factor',
      'required_for_roles is empty',
    ],
    [
      'a token for a part of a minute',
      [ACCESS, 'access_token_ttl: 900', 'access_token_ttl: 910'],
      'jwt.access_token_ttl',
      'whole minutes',
    ],
    [
      'a session no longer than its tokens',
      [ACCESS, /access_token_ttl: 900(.*)\n(.*)refresh_token_ttl: 604800/, 'access_token_ttl: 3600$1\n$2refresh_token_ttl: 3600'],
      'jwt.refresh_token_ttl',
      'more than access_token_ttl (3600)',
    ],
    [
      'networks of keys that nobody keeps',
      [ACCESS, 'usage_tracking: true', 'usage_tracking: false'],
      'anomalies.key_new_network',
      'usage_tracking is false',
    ],
    ['responses to anomalies there are none of', [ACCESS, 'low: []', 'low: ["slow_down"]'], 'responses.low', 'no anomaly is low'],
    [
      'a provider, and no address to send people back to',
      [ACCESS, 'providers: []', `providers: [${SAML}]`],
      'sso.public_url',
      'the address providers send people back to',
    ],
    [
      'two providers of one name',
      [ACCESS, 'providers: []', `public_url: "https://a.example"\n    providers: [${SAML}, ${SAML}]`],
      'providers[1].name',
      'a name no other provider has',
    ],
    [
      'a provider whose name no address can carry',
      [ACCESS, 'providers: []', `providers: [${SAML.replace('Okta', 'Ok ta')}]`],
      'providers[0].name',
      'letters, digits',
    ],
    [
      'an address with a path',
      [ACCESS, 'providers: []', 'public_url: "https://a.example/airlock"\n    providers: []'],
      'sso.public_url',
      'without a path',
    ],
    ['no pool', [SECURITY, 'size: 2', 'size: 0'], 'sandbox_pool.size', 'from 1'],
    ['an empty pattern', [SAFETY, '"rm -rf"', '" "'], 'dangerous_patterns[0]', 'text to look for'],
    [
      'an unknown risk level',
      [SAFETY, '# risk_thresholds:', 'risk_thresholds: { blocked_execution: "worst" }\n#'],
      'blocked_execution',
      'one of low',
    ],
  ];
  it.each(cases)('%s', (_, edit, path, expected) => {
    const problems = problemsWith(edit);
    const found = problems.find((problem) => problem.path.endsWith(path) && problem.expected.includes(expected));
    expect(found, JSON.stringify(problems)).toMatchObject({ file: edit[0], line: expect.any(Number) });
  });
});

describe('what an owner may add', () => {
  it('a further environment of a language, with less', () => {
    const small = [
      '  python-small:',
      '    language: python',
      '    image: "airlock-sandbox"',
      '    network_mode: "none"',
      '    resource_limits: { memory: 64MB, cpu: 0.1, disk: 10MB, processes: 8, open_files: 64 }',
      '    filesystem: { read_only: true, temp_mount: "/tmp" }',
      '    allowed_packages: [numpy, pandas]',
      '  nodejs:',
    ].join('\n');
    const configuration = parseConfiguration(edited([[SECURITY, '  nodejs:', small]]));
    expect(configuration.environments['python-small']).toMatchObject({
      language: 'python',
      limits: { memory_bytes: 64 * 2 ** 20 },
    });
  });

  it('risk thresholds and levels of patterns', () => {
    const configuration = parseConfiguration(
      edited([
        [SAFETY, '- "eval("', '- { pattern: "eval(", level: "critical" }'],
        [SAFETY, '# risk_thresholds:', 'risk_thresholds: { blocked_execution: "critical" }\n#'],
      ]),
    );
    expect(configuration.review.dangerous_patterns).toContainEqual({ pattern: 'eval(', level: 'critical' });
    expect(configuration.riskThresholds).toEqual({ requires_approval: null, blocked_execution: 'critical' });
  });
});
