import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tokens = z.object({
  access_token: z.string(),
  refresh_token: z.string().optional(),
  token_type: z.literal('Bearer'),
  expires_in_seconds: z.int(),
});

export const login = defineRoute({
  id: 'login',
  method: 'POST',
  path: '/api/v1/auth/login',
  permission: 'public',
  summary: 'Sign in with e-mail and password.',
  limits: 'sign_in',
  body: z.strictObject({ email: z.string().min(3).max(254), password: z.string().min(1).max(256) }),
  responses: { 200: tokens },
});

export const refresh = defineRoute({
  id: 'refresh',
  method: 'POST',
  path: '/api/v1/auth/refresh',
  permission: 'public',
  summary: 'A new access token for a refresh token.',
  body: z.strictObject({ refresh_token: z.string().min(1).max(8192) }),
  responses: { 200: tokens },
});
