/**
 * The configuration as functions read it: plain JSON, sizes in bytes, times in seconds, every name resolved. Synth writes it to
 * `configuration.json`; nothing here reads YAML, so that function bundles stay small.
 */
import { z } from 'zod';
import { riskLevel } from '../../contracts/approval.ts';
import { approvalRule, operationType } from '../../contracts/approval-rule.ts';
import { language, resourceLimits } from '../../contracts/manifest.ts';
import { ROLES } from '../identity/actor.ts';

export const profileName = z.enum(['restricted', 'standard', 'trusted']);
export type ProfileName = z.infer<typeof profileName>;

const seconds = z.number().positive();
const port = z.int().min(1).max(65535);

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
      audit_level: z.literal('full'),
      roles: z.array(z.enum(ROLES)),
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
  /** Of one person at the same time; a role left out has no limit of its own. */
  roleLimits: z.partialRecord(z.enum(ROLES), z.strictObject({ max_concurrent_executions: z.int().positive() })),
  sandboxPool: z.strictObject({
    /** Tasks kept, those in use included. */
    size: z.int().positive(),
    /** Of them ready whatever is in use. */
    spare: z.int().nonnegative(),
    max_idle_seconds: seconds,
  }),
  uploads: z.strictObject({ max_file_bytes: z.int().positive() }),
  approvalServer: z.strictObject({ port, web_interface_port: port }),
  /** By operation type, in order: the first that applies counts, and the last always does. */
  approvalRules: z.record(operationType, z.array(approvalRuleSettings)),
  review: z.strictObject({
    long_execution_seconds: seconds,
    large_memory_bytes: z.int().positive(),
    large_cpu: z.number().positive(),
    dangerous_patterns: z.array(z.strictObject({ pattern: z.string(), level: riskLevel })),
  }),
  /** null: no such threshold. */
  riskThresholds: z.strictObject({ requires_approval: riskLevel.nullable(), blocked_execution: riskLevel.nullable() }),
});

/** Reads back what synth wrote: the parsed content of `configuration.json`. Throws ZodError for anything else. */
export const configurationFromJson = (json: unknown): z.infer<typeof configurationSchema> => configurationSchema.parse(json);
