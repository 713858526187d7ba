/** Signatures of the Standard Webhooks specification (symmetric, `v1`): HMAC-SHA256 over `id.timestamp.body`. */
import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';
const KEY_MIN_BYTES = 24;

export interface WebhookHeaders extends Record<string, string> {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** null: the secret is none, `whsec_` and at least 24 bytes in base64. */
export function signedHeaders(secret: string, id: string, at: Date, body: string): WebhookHeaders | null {
  const key = keyOf(secret);
  if (!key) return null;
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

function keyOf(secret: string): Buffer | null {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null;
  const key = Buffer.from(encoded, 'base64');
  return key.byteLength >= KEY_MIN_BYTES ? key : null;
}
