import { z } from 'zod';
import { defineRoute } from '../route.ts';

/** The name of a provider in api-security.yaml. */
const provider = z.string().regex(/^[A-Za-z0-9_-]{3,32}$/, 'expected the name of a provider');

/** A path of ours: whatever else a browser could make of it leads away from here. */
export const ownPath = z
  .string()
  .max(512)
  .regex(/^\/(?!\/)[A-Za-z0-9._~!$&'()*+,;=:@%/?#-]*$/, 'expected a path of this page, as /executions');

export const beginPageSignIn = defineRoute({
  id: 'beginPageSignIn',
  method: 'GET',
  path: '/api/v1/auth/authorize',
  permission: 'public',
  summary: 'Sends a browser to sign in: at the provider that is named, or on the page of the user pool.',
  limits: 'sign_in',
  query: z.strictObject({ provider: provider.optional(), return_to: ownPath.default('/') }),
  responses: { 302: z.object({ url: z.url() }) },
});

export const finishPageSignIn = defineRoute({
  id: 'finishPageSignIn',
  method: 'GET',
  path: '/api/v1/auth/callback',
  permission: 'public',
  summary: 'Where a browser comes back to with a code; it goes on to the page it began at, with a session in a cookie.',
  limits: 'sign_in',
  // What else a provider adds to the address is its own affair.
  query: z.object({
    state: z.string().max(512).optional(),
    code: z.string().max(2048).optional(),
    error: z.string().max(512).optional(),
  }),
  responses: { 302: z.object({ url: z.string() }) },
});
