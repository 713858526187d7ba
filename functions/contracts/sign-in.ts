import { z } from 'zod';
import { timestamp } from './execution.ts';
import { userId } from './identity.ts';

export const tokens = z.object({
  access_token: z.string(),
  /** For one use: each refresh answers with another. */
  refresh_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in_seconds: z.int(),
});
export type Tokens = z.infer<typeof tokens>;

export const credentials = z.strictObject({
  email: z.string().min(3).max(254),
  password: z.string().min(1).max(256),
  /** true: asks for a second factor, and has one set up where there is none yet, also where no role wants it. */
  second_factor: z.boolean().optional(),
});

export const challengeKind = z.enum(['mfa', 'set_up_mfa', 'new_password']);
export type ChallengeKind = z.infer<typeof challengeKind>;

/** What is wanted beside the password, to be answered with POST /api/v1/auth/challenge. */
export const challenge = z.object({
  challenge: challengeKind,
  challenge_id: z.string(),
  expires_in_seconds: z.int(),
  detail: z.string(),
  /** Of `set_up_mfa`: what the authenticator app is told, as text and as it is shown in a QR code. */
  secret: z.string().optional(),
  otpauth_uri: z.string().optional(),
});
export type Challenge = z.infer<typeof challenge>;

export const challengeAnswer = z
  .strictObject({
    challenge_id: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected the challenge_id of the answer before'),
    code: z
      .string()
      .regex(/^\d{6}$/, 'expected the six digits of the authenticator app')
      .optional(),
    new_password: z.string().min(1).max(256).optional(),
  })
  .refine(
    (answer) => (answer.code === undefined) !== (answer.new_password === undefined),
    'expected either code or new_password',
  );
export type ChallengeAnswer = z.infer<typeof challengeAnswer>;

/**
 * `alr_<session>_<family><secret>`; the session goes by the `origin_jti` that all its access tokens carry. The family stays the same for
 * as long as the session lasts, and nobody knows it who never held a token of it: so a used one is told from a guess, however old it is.
 */
export const REFRESH_TOKEN_PATTERN = /^alr_([A-Za-z0-9-]{8,64})_([A-Za-z0-9_-]{43})[A-Za-z0-9_-]{43}$/;
export const refreshToken = z.string().regex(REFRESH_TOKEN_PATTERN, 'expected a refresh token of an earlier answer');

/** A sign-in that is waiting for something more. */
export const pendingChallenge = z.object({
  kind: challengeKind,
  email: z.string(),
  /** What the user pool calls them, and wants to read again in an answer. */
  pool_username: z.string(),
  /** Cognito's own handle, or, where the password was enough for Cognito and is not for us, the refresh token it gave. */
  provider_session: z.string().nullable(),
  held_refresh_token: z.string().nullable(),
  expires_at: timestamp,
});
export type PendingChallenge = z.infer<typeof pendingChallenge>;

/** What keeps somebody signed in. */
export const session = z.object({
  session_id: z.string(),
  user_id: userId,
  email: z.string(),
  provider_refresh_token: z.string(),
  /** Which client of the user pool that token was given to: the one of the API, or the one of the pool's own sign-in page. */
  client: z.enum(['api', 'page']).default('api'),
  /** Whether its holder showed more than a password, or a provider says they did. */
  second_factor: z.boolean(),
  /** Of what all its refresh tokens have in common. */
  family_sha256: z.string(),
  /** Of the refresh token that works now, and of the one it was given for. */
  current_sha256: z.string(),
  previous_sha256: z.string().nullable(),
  rotated_at: timestamp,
  created_at: timestamp,
  expires_at: timestamp,
  ended: z.boolean(),
});
export type Session = z.infer<typeof session>;

/** What is to be known of a session by whoever asks who is calling. */
export const openSession = session.pick({ session_id: true, user_id: true, second_factor: true, expires_at: true, ended: true });
export type OpenSession = z.infer<typeof openSession>;
