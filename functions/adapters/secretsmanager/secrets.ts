import { GetSecretValueCommand, ResourceNotFoundException, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { NotSent } from '../../core/notification/ports.ts';
import type { ReadSecret } from '../secrets.ts';

const client = new SecretsManagerClient({ maxAttempts: 3 });
/** A new value is used after a minute; one that is missing is looked for each time, so that a channel works once it is there. */
const KEPT_MS = 60_000;

const values = z.record(z.string(), z.string());
type Values = z.infer<typeof values>;

/** One secret that holds all values as a JSON object of texts, by the names that the configuration gives them. An empty one is none. */
export function secretsManagerSecrets(secretId: string, now: () => Date): ReadSecret {
  let kept: { readonly values: Values; readonly untilMs: number } | null = null;
  return async (reference) => {
    const nowMs = now().getTime();
    if (!kept || kept.untilMs <= nowMs || !valueIn(kept.values, reference)) {
      kept = { values: await read(secretId), untilMs: nowMs + KEPT_MS };
    }
    return valueIn(kept.values, reference);
  };
}

const valueIn = (all: Values, name: string): string | null => (Object.hasOwn(all, name) && all[name] ? all[name] : null);

/** Never says what is there. */
async function read(secretId: string): Promise<Values> {
  const text = await client.send(new GetSecretValueCommand({ SecretId: secretId })).then(
    ({ SecretString }) => SecretString ?? '{}',
    (error: unknown) => {
      if (error instanceof ResourceNotFoundException) return '{}';
      throw new NotSent(`The secret of the channels could not be read: ${error instanceof Error ? error.name : 'fault'}.`);
    },
  );
  const read = values.safeParse(jsonOf(text));
  if (!read.success) throw new NotSent('The secret of the channels is not a JSON object of texts.');
  return read.data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
