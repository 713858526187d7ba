import { z } from 'zod';
import { dynamoJwks } from '../../adapters/dynamo/identities.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { log } from '../../runtime/log.ts';

const environment = environmentOf('events/jwks-refresher');
const stored = dynamoJwks(environment.IDENTITY_TABLE);

const jwks = z.object({ keys: z.array(z.looseObject({ kid: z.string(), kty: z.string() })).min(1) });
const FETCH_MS = 5000;

/** Brings the user pool's verification keys to where functions without a way out can read them. A bad answer keeps the old ones. */
export async function handler() {
  const answer = await fetch(environment.JWKS_URL, { signal: AbortSignal.timeout(FETCH_MS) });
  if (!answer.ok) throw new Error(`the user pool's keys answered ${answer.status}`);
  const { keys } = jwks.parse(await answer.json());
  await stored.put(JSON.stringify({ keys }));
  log.info('refreshed the verification keys', { keys: keys.length });
  return { keys: keys.length };
}
