import { z } from 'zod';
import { keyId } from './api-key.ts';
import { timestamp } from './execution.ts';
import { userId } from './identity.ts';
import { riskLevel } from './risk.ts';

/** The seed's three, and more. */
export const securityEventType = z.enum([
  'authentication_failure',
  'rate_limit_exceeded',
  'suspicious_activity',
  'permission_denied',
  'credential_copied',
  'key_new_network',
  'limiter_degraded',
  'security_response',
  'response_reversed',
]);
export type SecurityEventType = z.infer<typeof securityEventType>;

export const severity = riskLevel;
export type Severity = z.infer<typeof severity>;

/** What was noticed. Refusals of the same kind, caller and endpoint within a minute are one event with a count. */
export const securityEvent = z.object({
  event_id: z.string(),
  event_type: securityEventType,
  source_ip: z.string(),
  user_id: userId.nullable(),
  key_id: keyId.nullable(),
  /** The route's name. */
  endpoint: z.string(),
  timestamp,
  severity,
  count: z.int().positive(),
  /** Never a secret, a body, or an e-mail address: an account somebody tried to sign in to is a digest. */
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
export type SecurityEvent = z.infer<typeof securityEvent>;

export const responseKind = z.enum(['slow_down', 'require_sign_in', 'suspend_key', 'block_address']);
export type ResponseKind = z.infer<typeof responseKind>;

const network = z.cidrv6().endsWith('/64');

/** An address, or the half of IPv6 addresses that counts as one: `2001:db8:1:2::/64`. */
export const addressOrNetwork = z
  .string()
  .refine(
    (value) => [z.ipv4(), z.ipv6(), network].some((kind) => kind.safeParse(value).success),
    'expected an address, or an IPv6 network of 64 bits, as 2001:db8:1:2::/64',
  );

export const responseSubject = z
  .strictObject({ user_id: userId.optional(), key_id: keyId.optional(), address: addressOrNetwork.optional() })
  .refine((one) => Object.values(one).filter((value) => value !== undefined).length === 1, {
    error: 'expected exactly one of user_id, key_id, address',
  });
export type ResponseSubject = z.infer<typeof responseSubject>;

export const responseId = z.string().regex(/^rsp_[0-9a-f-]{36}$/, 'expected the id of a response');

/** The message of the line the watch logs for each response it made; an alarm counts these lines. */
export const AUTOMATIC_RESPONSE = 'automatic response';

/** Something done about a threat. It ends by itself, and can be taken back before. */
export const securityResponse = z.object({
  response_id: responseId,
  kind: responseKind,
  subject: responseSubject,
  reason: z.string(),
  severity,
  automatic: z.boolean(),
  created_by: z.string(),
  created_at: timestamp,
  ends_at: timestamp,
  reversed_at: timestamp.nullable(),
  reversed_by: z.string().nullable(),
  audit_length: z.int().nonnegative(),
  audit_head: z.string(),
});
export type SecurityResponse = z.infer<typeof securityResponse>;
export const securityResponseView = securityResponse.omit({ audit_length: true, audit_head: true });

export const respondRequest = z.strictObject({
  kind: responseKind,
  subject: responseSubject,
  reason: z.string().min(1).max(500),
  minutes: z.int().min(1).max(1440).optional(),
});
