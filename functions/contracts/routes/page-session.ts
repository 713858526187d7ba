import { z } from 'zod';
import { pageSessionView, pageSignIn } from '../page-session.ts';
import { defineRoute } from '../route.ts';
import { challenge } from '../sign-in.ts';

export const openPageSession = defineRoute({
  id: 'openPageSession',
  method: 'POST',
  path: '/api/v1/auth/session',
  permission: 'public',
  summary:
    'Sign in on a page: the session is in a cookie that no script reads. Takes e-mail and password, or the answer to the challenge before.',
  limits: 'sign_in',
  body: pageSignIn,
  responses: { 200: pageSessionView, 202: challenge },
});

export const getPageSession = defineRoute({
  id: 'getPageSession',
  method: 'GET',
  path: '/api/v1/auth/session',
  permission: 'signed_in',
  summary: 'The session of the page that asks, with the token its other requests must carry. POST /api/v1/auth/logout ends it.',
  responses: { 200: pageSessionView },
});

export const renewPageSession = defineRoute({
  id: 'renewPageSession',
  method: 'POST',
  path: '/api/v1/auth/session/renew',
  permission: 'public',
  summary: 'Asks the user pool again whether the session of the page may go on. Wanted as often as an access token would expire.',
  body: z.strictObject({}),
  responses: { 200: pageSessionView },
});
