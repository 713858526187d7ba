import { z } from 'zod';

const answer = z.object({
  access_token: z.string(),
  id_token: z.string(),
  refresh_token: z.string(),
  expires_in: z.int(),
});

export interface RedeemedCode {
  readonly access_token: string;
  readonly id_token: string;
  readonly refresh_token: string;
  readonly expires_in_seconds: number;
}

const EXCHANGE_MS = 10_000;

/** Redeems a code at the user pool's token endpoint; null when the pool refuses it: used before, too old, or another's verifier. */
export async function redeemCode(
  page: { readonly url: string; readonly clientId: string },
  given: { readonly code: string; readonly verifier: string; readonly redirectUri: string },
): Promise<RedeemedCode | null> {
  const response = await fetch(`${page.url}/oauth2/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: page.clientId,
      code: given.code,
      code_verifier: given.verifier,
      redirect_uri: given.redirectUri,
    }),
    redirect: 'error',
    signal: AbortSignal.timeout(EXCHANGE_MS),
  });
  if (response.status >= 400 && response.status < 500) {
    await response.body?.cancel();
    return null;
  }
  if (!response.ok) throw new Error(`the token endpoint answered ${response.status}`);
  const { expires_in, ...tokens } = answer.parse(await response.json());
  return { ...tokens, expires_in_seconds: expires_in };
}
