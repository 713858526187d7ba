import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { challenge, challengeAnswer, credentials, refreshToken, tokens } from '../sign-in.ts';

export const login = defineRoute({
  id: 'login',
  method: 'POST',
  path: '/api/v1/auth/login',
  permission: 'public',
  summary: 'Sign in with e-mail and password. Answers 202 with a challenge when something more is wanted.',
  limits: 'sign_in',
  body: credentials,
  responses: { 200: tokens, 202: challenge },
});

export const answerChallenge = defineRoute({
  id: 'answerChallenge',
  method: 'POST',
  path: '/api/v1/auth/challenge',
  permission: 'public',
  summary: 'The code of the authenticator app, or a new password. Three wrong answers end the sign-in.',
  limits: 'sign_in',
  body: challengeAnswer,
  responses: { 200: tokens, 202: challenge },
});

export const refresh = defineRoute({
  id: 'refresh',
  method: 'POST',
  path: '/api/v1/auth/refresh',
  permission: 'public',
  summary: 'New tokens for a refresh token, which works once. One that is used again ends the session: somebody copied it.',
  body: z.strictObject({ refresh_token: refreshToken }),
  responses: { 200: tokens },
});

export const revokeToken = defineRoute({
  id: 'revokeToken',
  method: 'POST',
  path: '/api/v1/auth/revoke-token',
  permission: 'public',
  summary: 'End the session of a refresh token, whoever found it. The answer is the same for a token that was never given.',
  body: z.strictObject({ refresh_token: refreshToken }),
  responses: { 200: z.object({ valid: z.literal(false) }) },
});

export const logout = defineRoute({
  id: 'logout',
  method: 'POST',
  path: '/api/v1/auth/logout',
  permission: 'signed_in',
  summary: 'End this session: its tokens, and the connections opened with them.',
  responses: { 200: z.object({ ended: z.literal('session') }) },
});

export const revokeSessions = defineRoute({
  id: 'revokeSessions',
  method: 'POST',
  path: '/api/v1/auth/revoke',
  permission: 'signed_in',
  summary: 'End all of your sessions, on every device, from this moment on. API keys stay.',
  responses: { 200: z.object({ ended: z.literal('all_sessions') }) },
});
