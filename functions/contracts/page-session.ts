import { z } from 'zod';
import { timestamp } from './execution.ts';
import { userId } from './identity.ts';
import { challengeAnswer, credentials } from './sign-in.ts';

/** What a page is told of the session its cookie stands for; the cookie itself no script can read. */
export const pageSessionView = z.object({
  user_id: userId,
  /** To be sent as `x-csrf-token` with every request that is not a GET. */
  csrf_token: z.string(),
  /** From then on POST /api/v1/auth/session/renew is needed before anything else. */
  fresh_until: timestamp,
  expires_at: timestamp,
});
export type PageSessionView = z.infer<typeof pageSessionView>;

/** Either what a sign-in begins with, or the answer to its challenge. */
export const pageSignIn = z.union([credentials, challengeAnswer]);

/** The row that a cookie's hash leads to. */
export const pageSession = z.object({
  session_id: z.string(),
  user_id: userId,
  created_at: timestamp,
  fresh_until: timestamp,
  expires_at: timestamp,
});
export type PageSession = z.infer<typeof pageSession>;
