/**
 * Signing in on another page: an authorization code with PKCE (RFC 7636). What proves that browser, request and answer belong together
 * (state, nonce, verifier) lies in a short-lived cookie of the browser that began; nothing is kept here for whoever never comes back.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { ownPath } from '../../contracts/routes/page-sign-in.ts';

const begun = z.strictObject({ state: z.string(), nonce: z.string(), verifier: z.string(), return_to: ownPath });
export type BegunSignIn = z.infer<typeof begun>;

export interface SignInPage {
  /** Of the user pool, without a slash at its end. */
  readonly url: string;
  readonly clientId: string;
}

export function beginSignIn(
  { url, clientId }: SignInPage,
  asked: { readonly provider: string | undefined; readonly returnTo: string; readonly redirectUri: string },
  random: () => string,
): { readonly url: string; readonly cookie: string } {
  const sent: BegunSignIn = { state: random(), nonce: random(), verifier: random(), return_to: asked.returnTo };
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: asked.redirectUri,
    scope: 'openid email',
    state: sent.state,
    nonce: sent.nonce,
    code_challenge: createHash('sha256').update(sent.verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(asked.provider === undefined ? {} : { identity_provider: asked.provider }),
  });
  const cookie = Buffer.from(JSON.stringify(sent)).toString('base64url');
  return { url: `${url}/oauth2/authorize?${query}`, cookie };
}

/** What this browser began, if the answer with this state is the answer to it; null otherwise. */
export function begunBy(cookie: string | null, state: string | undefined): BegunSignIn | null {
  const parsed = begun.safeParse(readJson(cookie ?? ''));
  if (!parsed.success || state === undefined) return null;
  const expected = Buffer.from(parsed.data.state);
  const came = Buffer.from(state);
  return came.byteLength === expected.byteLength && timingSafeEqual(came, expected) ? parsed.data : null;
}

function readJson(cookie: string): unknown {
  try {
    return JSON.parse(Buffer.from(cookie, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}
