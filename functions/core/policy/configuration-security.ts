/** `api-security.yaml` as owners write it, with the seed's keys. */
import { z } from 'zod';
import { PERMISSIONS, roleName } from '../../contracts/identity.ts';
import { ROUTES_OF_FUNCTION } from '../../contracts/routes.ts';
import { exactly, oneOf, section, text, whole, yesOrNo } from './configuration-values.ts';

const perMinute = whole('requests a minute', 1, 10_000_000);
const limit = section({ requests_per_minute: perMinute, burst_limit: whole('requests', 1, 10_000_000) });
const WHOLE_MINUTES = 'whole minutes, in seconds: the user pool counts no others';
const noSecret = 'nothing: keys lie in KMS and Cognito, never in a file';

/** As Cognito takes it, and as it is named in the address that begins a sign-in. */
const providerName = text.regex(/^[A-Za-z0-9_-]{3,32}$/, { error: '3 to 32 letters, digits, _ or -' });

const oidc = section({
  type: exactly('oidc', 'or saml'),
  name: providerName,
  issuer: z.url({ protocol: /^https?$/, error: 'the address of the issuer' }),
  client_id: text,
  /** The name of the secret that holds the client's secret. */
  client_secret_name: text,
  groups_claim: text.default('groups'),
  /** True where everybody the provider sends has shown a second factor there. */
  second_factor: yesOrNo.default(false),
});
const saml = section({
  type: exactly('saml', 'or oidc'),
  name: providerName,
  metadata_url: z.url({ protocol: /^https$/, error: 'the https address of the metadata' }),
  groups_attribute: text.default('groups'),
  /** True where everybody the provider sends has shown a second factor there. */
  second_factor: yesOrNo.default(false),
});

const permissionWord = oneOf([...PERMISSIONS, '*']);

/** A limit on a path that no route has would hold nobody. */
const PATHS: ReadonlySet<string> = new Set(
  Object.values(ROUTES_OF_FUNCTION)
    .flat()
    .map((route) => route.path),
);

export type StageName = 'local' | 'production';

export const RESPONSES = ['slow_down', 'require_sign_in', 'suspend_key', 'block_address'] as const;
const responses = z.array(oneOf(RESPONSES), { error: `a list of ${RESPONSES.join(', ')}` });

const rateLimits = {
  global: limit,
  per_address: limit,
  per_user: section({
    ...limit.shape,
    execution_requests_per_hour: whole('executions an hour', 1, 10_000_000),
  }),
  per_key: limit,
  per_endpoint: z.record(
    z.string().refine((path) => PATHS.has(path), { error: 'the path of a route, as /api/v1/execute' }),
    perMinute,
    { error: 'a mapping from paths to requests a minute' },
  ),
  login: section({ attempts_per_minute: perMinute, attempts_per_account_per_minute: perMinute }),
};

const stageLimits = section(rateLimits).partial();

export const apiSecurity = section({
  authentication: section({
    jwt: section({
      secret_key: z.never({ error: noSecret }).optional(),
      algorithm: exactly('RS256', 'Cognito signs with it; with HS256 whoever can verify a token could also make one'),
      access_token_ttl: whole('seconds', 300, 86_400).multipleOf(60, { error: WHOLE_MINUTES }),
      refresh_token_ttl: whole('seconds', 3600, 315_360_000).multipleOf(60, { error: WHOLE_MINUTES }),
    }),
    mfa: section({ required_for_roles: z.array(roleName, { error: 'a list of roles' }) }),
    sso: section({
      public_url: z
        .url({ protocol: /^https$/, error: 'the https address people see, as https://airlock.example.org' })
        .refine((url) => new URL(url).origin === url, { error: 'an address without a path, and without a slash at its end' })
        .optional(),
      providers: z.array(z.discriminatedUnion('type', [oidc, saml], { error: 'a provider of the type oidc or saml' }), {
        error: 'a list of providers',
      }),
      group_roles: z.record(z.string(), z.array(roleName), { error: 'a mapping from groups to lists of roles' }),
    }),
    api_keys: section({
      auto_rotation_days: whole('days', 1, 3650),
      overlap_hours: whole('hours', 0, 24 * 90),
      max_per_user: whole('keys', 1, 1000),
      scope_enforcement: exactly(true, 'a key is never more than its scope'),
      usage_tracking: yesOrNo,
    }),
  }),
  authorization: section({
    roles: z.record(
      roleName,
      section({
        inherits: z.array(roleName, { error: 'a list of roles' }).default([]),
        permissions: z.array(permissionWord, { error: 'a list of permissions' }),
      }),
      { error: 'a mapping from roles to their permissions' },
    ),
  }),
  rate_limiting: section({
    ...rateLimits,
    stages: section({ local: stageLimits, production: stageLimits } satisfies Record<StageName, unknown>)
      .partial()
      .default({}),
  }),
  monitoring: section({
    window_seconds: whole('seconds', 60, 3600),
    anomalies: section({
      failed_logins: whole('failures', 2, 100_000),
      account_spray: whole('accounts', 2, 100_000),
      permission_probing: whole('refusals', 2, 100_000),
      denial_burst: whole('refusals', 2, 1_000_000),
      key_new_network: yesOrNo,
    }),
    responses: section({ low: responses, medium: responses, high: responses, critical: responses }),
    response_minutes: whole('minutes', 1, 1440),
    most_at_once: whole('responses', 0, 10_000),
  }),
});
