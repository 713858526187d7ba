/**
 * The YAML files as owners write them, with the seed's keys. In these schemas a message says what is expected; `problemsOf` adds what
 * came. Rules between values, within and across files, are in `configuration.ts`.
 */
import { z } from 'zod';
import { auditLevel } from '../../contracts/execution.ts';
import { UPLOAD_MAX_BYTES } from '../../contracts/file.ts';
import { roleName } from '../../contracts/identity.ts';
import { language } from '../../contracts/manifest.ts';
import { riskLevel } from '../../contracts/risk.ts';
import { approvalRules, approverLevels } from './approval-rules-file.ts';
import { apiSecurity } from './configuration-security.ts';
import { profileName } from './configuration-shape.ts';
import { bytes, cpu, exactly, oneOf, port, roleNames, seconds, section, text, whole, yesOrNo } from './configuration-values.ts';
import { MINIMUM_LIMITS } from './limits.ts';
import { notificationChannels, publicUrl } from './notification-channels-file.ts';

const imageName = z
  .string({ error: 'the name of an image' })
  .regex(/^[a-z0-9][a-z0-9._/:@-]*$/, { error: 'the name of an image' });
const packageName = z
  .string({ error: 'the name of a package' })
  .regex(/^[A-Za-z0-9@][\w./-]*$/, { error: 'the name of a package, without versions' });
const packageRange = z
  .string({ error: 'a package with its versions' })
  .regex(/^[A-Za-z0-9@][\w./-]*(@[\^~]?\d[\w.]*|(>=|==)\d[\w.]*(,<\d[\w.]*)?)$/, {
    error: 'a package with its versions, as "numpy>=2.2.0,<2.3.0" or "lodash@^4.17.21"',
  });
const environmentName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, { error: 'a name of lower-case letters, digits, _ and -, beginning with a letter' });

const executionSecurity = section({
  execution_environments: z.record(
    environmentName,
    section({
      language: oneOf(language.options).optional(),
      image: imageName,
      network_mode: z.literal('none', {
        error: (issue) => (issue.input === 'restricted' ? 'none (restricted is not supported yet: use none)' : 'none'),
      }),
      resource_limits: section({
        memory: bytes(MINIMUM_LIMITS.memory_bytes),
        cpu,
        disk: bytes(MINIMUM_LIMITS.disk_bytes),
        processes: whole('processes', MINIMUM_LIMITS.processes, 4096),
        open_files: whole('open files', MINIMUM_LIMITS.open_files, 65_536),
      }),
      filesystem: section({
        read_only: exactly(true, 'a sandbox can write to its workspace and temp_mount only'),
        temp_mount: exactly('/tmp', 'the one the image has'),
      }),
      allowed_packages: z.array(packageName, { error: 'a list of packages' }),
    }),
    { error: 'a mapping from names to environments' },
  ),
  security_policies: z.record(
    environmentName,
    section({
      profile: oneOf(profileName.options),
      require_approval: yesOrNo,
      auto_approve: yesOrNo.default(false),
      max_execution_time: seconds,
      audit_level: oneOf(auditLevel.options),
      roles: roleNames,
      requires_trusted_agent: yesOrNo.default(false),
    }),
    { error: 'a mapping from names to policies' },
  ),
  role_limits: z
    .record(
      roleName,
      section({
        max_concurrent_executions: whole('executions', 1, 10_000).optional(),
        max_open_executions: whole('executions', 1, 10_000).optional(),
      }),
      { error: 'a mapping from roles to their limits' },
    )
    .default({}),
  uploads: section({ max_file_size: bytes(1, UPLOAD_MAX_BYTES) }),
  sandbox_pool: section({
    size: whole('sandboxes', 1, 1000),
    spare: whole('sandboxes', 0, 1000).optional(),
    max_idle_seconds: seconds,
  }),
});

const interpretedLanguage = section({
  version: text,
  base_image: imageName,
  allowed_packages: z.array(packageRange, { error: 'a list of packages' }),
  security_profile: oneOf(profileName.options),
});

const codeInterpreter = section({
  server: section({ port, execution_timeout: seconds, max_concurrent_executions: whole('executions', 1, 10_000) }),
  languages: section({
    python: interpretedLanguage,
    nodejs: interpretedLanguage,
    bash: interpretedLanguage,
    sql: interpretedLanguage,
  }),
  security: section({
    network_access: exactly(false, 'sandboxes have no way out'),
    file_system: exactly('temporary_only', 'nothing a run writes outlives it, except the files it returns'),
    resource_limits: section({
      memory: bytes(MINIMUM_LIMITS.memory_bytes),
      cpu_shares: whole('shares, 1024 for one CPU,', 1, 64 * 1024),
      execution_time: seconds,
    }),
  }),
});

const humansInTheLoop = section({
  server: section({ port, web_interface_port: port, public_url: publicUrl.optional() }),
  approver_levels: approverLevels,
  approval_rules: approvalRules,
  notification_channels: notificationChannels,
});

const level = oneOf(riskLevel.options);
const patternError = { error: 'text to look for (2 to 200 characters, no white space around it)' };
const patternText = z.string(patternError).regex(/^\S.{0,198}\S$/s, patternError);
const dangerousPattern = z.union([patternText, section({ pattern: patternText, level })], {
  error: `${patternError.error}, or a mapping with the keys pattern, level`,
});

const workflowSafety = section({
  safety_policies: section({
    code_execution: section({
      max_execution_time: seconds,
      memory_limit: bytes(MINIMUM_LIMITS.memory_bytes),
      cpu_limit: cpu,
      dangerous_patterns: z.array(dangerousPattern, { error: 'a list of patterns' }).max(100, { error: 'at most 100 patterns' }),
    }),
  }),
  risk_thresholds: section({ requires_approval: level.optional(), blocked_execution: level.optional() }).default({}),
});

export const CONFIGURATION_FILES = {
  'execution-security.yaml': executionSecurity,
  'code-interpreter-mcp.yaml': codeInterpreter,
  'hitl-mcp.yaml': humansInTheLoop,
  'workflow-safety-policies.yaml': workflowSafety,
  'api-security.yaml': apiSecurity,
} as const;
export type ConfigurationFileName = keyof typeof CONFIGURATION_FILES;
export type ConfigurationFile<N extends ConfigurationFileName> = z.infer<(typeof CONFIGURATION_FILES)[N]>;
