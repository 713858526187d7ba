/**
 * The configuration as functions read it: plain JSON, sizes in bytes, times in seconds, every name resolved. Synth writes it to
 * `configuration.json`; nothing here reads YAML, so that function bundles stay small.
 */
import { z } from 'zod';
import { approvalRule, operationType } from '../../contracts/approval-rule.ts';
import { auditLevel } from '../../contracts/execution.ts';
import { permission, roleName } from '../../contracts/identity.ts';
import { language, resourceLimits } from '../../contracts/manifest.ts';
import { riskLevel } from '../../contracts/risk.ts';
import { notificationChannels } from './notification-channels.ts';

export const profileName = z.enum(['restricted', 'standard', 'trusted']);
export type ProfileName = z.infer<typeof profileName>;

const seconds = z.number().positive();
const port = z.int().min(1).max(65535);

const rateLimit = z.strictObject({ requests_per_minute: z.int().positive(), burst_limit: z.int().positive() });
const rateLimits = z.strictObject({
  global: rateLimit,
  per_address: rateLimit,
  per_user: rateLimit.extend({ execution_requests_per_hour: z.int().positive() }),
  per_key: rateLimit,
  /** Requests a minute of one user or key, by the path of the route. */
  per_endpoint: z.record(z.string(), z.int().positive()),
  login: z.strictObject({ attempts_per_minute: z.int().positive(), attempts_per_account_per_minute: z.int().positive() }),
});

const responseKind = z.enum(['slow_down', 'require_sign_in', 'suspend_key', 'block_address']);

const apiSecurity = z.strictObject({
  authentication: z.strictObject({
    jwt: z.strictObject({ access_token_ttl: seconds, refresh_token_ttl: seconds }),
    mfa: z.strictObject({ required_for_roles: z.array(roleName) }),
    sso: z.strictObject({
      public_url: z.string().optional(),
      providers: z.array(
        z.discriminatedUnion('type', [
          z.strictObject({
            type: z.literal('oidc'),
            name: z.string(),
            issuer: z.string(),
            client_id: z.string(),
            client_secret_name: z.string(),
            groups_claim: z.string(),
            second_factor: z.boolean(),
          }),
          z.strictObject({
            type: z.literal('saml'),
            name: z.string(),
            metadata_url: z.string(),
            groups_attribute: z.string(),
            second_factor: z.boolean(),
          }),
        ]),
      ),
      group_roles: z.record(z.string(), z.array(roleName)),
    }),
    api_keys: z.strictObject({
      auto_rotation_days: z.int().positive(),
      overlap_hours: z.int().nonnegative(),
      max_per_user: z.int().positive(),
      usage_tracking: z.boolean(),
    }),
  }),
  /** Inheritance and `*` resolved. */
  authorization: z.strictObject({ roles: z.record(roleName, z.array(permission)) }),
  /** Those of a stage's own, where it has some. */
  rate_limiting: rateLimits.extend({ stages: z.record(z.string(), rateLimits) }),
  monitoring: z.strictObject({
    window_seconds: seconds,
    anomalies: z.strictObject({
      failed_logins: z.int().positive(),
      account_spray: z.int().positive(),
      permission_probing: z.int().positive(),
      denial_burst: z.int().positive(),
      key_new_network: z.boolean(),
    }),
    responses: z.record(riskLevel, z.array(responseKind)),
    response_minutes: z.number().positive(),
    most_at_once: z.int().nonnegative(),
  }),
});

const approvalRuleSettings = approvalRule.extend({
  /** CEL; null: always. */
  when: z.string().nullable(),
  auto_approve_conditions: z.array(z.string()),
});
export type ApprovalRuleSettings = z.infer<typeof approvalRuleSettings>;

export const configurationSchema = z.strictObject({
  /** By name; each language has one of its own name. */
  environments: z.record(
    z.string(),
    z.strictObject({
      language,
      image: z.string(),
      network_mode: z.literal('none'),
      limits: resourceLimits,
      read_only: z.literal(true),
      temp_mount: z.string(),
      allowed_packages: z.array(z.string()),
    }),
  ),
  profiles: z.record(
    profileName,
    z.strictObject({
      /** The key under `security_policies` that describes the profile. */
      policy: z.string(),
      require_approval: z.boolean(),
      /** The auto-approve conditions may lift the approval. */
      auto_approve: z.boolean(),
      requires_trusted_agent: z.boolean(),
      max_execution_time_seconds: seconds,
      audit_level: auditLevel,
      roles: z.array(roleName),
    }),
  ),
  languages: z.record(
    language,
    z.strictObject({
      version: z.string(),
      base_image: z.string(),
      allowed_packages: z.array(z.string()),
      /** What a request gets that names no profile. */
      security_profile: profileName,
    }),
  ),
  interpreter: z.strictObject({
    port,
    default_timeout_seconds: seconds,
    max_concurrent_executions: z.int().positive(),
    /** Ceilings over every environment and profile. */
    max_memory_bytes: z.int().positive(),
    max_cpu: z.number().positive(),
    max_execution_time_seconds: seconds,
  }),
  /** Of one person. Without one of its own a role may have any number running, and MAX_OPEN_EXECUTIONS that are not done. */
  roleLimits: z.record(
    roleName,
    z.strictObject({
      max_concurrent_executions: z.int().positive().optional(),
      max_open_executions: z.int().positive().optional(),
    }),
  ),
  sandboxPool: z.strictObject({
    /** Tasks kept, those in use included. */
    size: z.int().positive(),
    /** Of them ready whatever is in use. */
    spare: z.int().nonnegative(),
    max_idle_seconds: seconds,
  }),
  uploads: z.strictObject({ max_file_bytes: z.int().positive() }),
  approvalServer: z.strictObject({ port, web_interface_port: port, public_url: z.string().nullable() }),
  /** By operation type, in order: the first that applies counts, and the last always does. */
  approvalRules: z.record(operationType, z.array(approvalRuleSettings)),
  notificationChannels,
  review: z.strictObject({
    long_execution_seconds: seconds,
    large_memory_bytes: z.int().positive(),
    large_cpu: z.number().positive(),
    dangerous_patterns: z.array(z.strictObject({ pattern: z.string(), level: riskLevel })),
  }),
  security: apiSecurity,
  /** null: no such threshold. */
  riskThresholds: z.strictObject({ requires_approval: riskLevel.nullable(), blocked_execution: riskLevel.nullable() }),
});

/** Reads back what synth wrote: the parsed content of `configuration.json`. Throws ZodError for anything else. */
export const configurationFromJson = (json: unknown): z.infer<typeof configurationSchema> => configurationSchema.parse(json);
