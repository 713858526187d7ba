/** Access tokens as the pool makes them, and as it never would. */
import { createHmac, createSign, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { readInstance } from '../../local/instance.ts';
import { status } from './airlock.ts';

type Part = Record<string, unknown>;

const encoded = (part: Part): string => Buffer.from(JSON.stringify(part)).toString('base64url');

/** The key with which the emulator signs for its pools. */
function keyOfThePools(): string {
  const instance = readInstance(status.instance);
  if (!instance) throw new Error(`there is no instance ${status.instance} in this checkout`);
  return readFileSync(join(instance.directory, 'emulator', 'state', 'cognito-rsa-key.pem'), 'utf8');
}

function signed(header: Part, claims: Part, key: string | KeyObject): string {
  const input = `${encoded(header)}.${encoded(claims)}`;
  return `${input}.${createSign('RSA-SHA256').update(input).sign(key).toString('base64url')}`;
}

/** What a token that is valid now could be turned into by somebody who does not hold the pool's key, and by somebody who does. */
export function forgeriesOf(valid: string, publicKey: string): Record<string, string> {
  const header = JSON.parse(Buffer.from(valid.split('.')[0] ?? '', 'base64url').toString());
  const claims = decodeJwt(valid);
  const poolKey = keyOfThePools();
  const ownKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const [first = '', second = '', signature = ''] = valid.split('.');
  const now = Math.floor(Date.now() / 1000);
  const hmacInput = `${encoded({ ...header, alg: 'HS256' })}.${encoded(claims)}`;
  return {
    'of an expired sign-in': signed(header, { ...claims, iat: now - 7200, exp: now - 3600 }, poolKey),
    'of another audience': signed(header, { ...claims, client_id: 'another' }, poolKey),
    'of another issuer': signed(
      header,
      { ...claims, iss: 'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_another' },
      poolKey,
    ),
    'of no known use': signed(header, { ...claims, token_use: 'id' }, poolKey),
    'of a person nobody knows': signed(header, { ...claims, sub: randomUUID() }, poolKey),
    'without a signature': `${encoded({ ...header, alg: 'none' })}.${encoded(claims)}.`,
    'signed with the public key as a secret': `${hmacInput}.${createHmac('sha256', publicKey).update(hmacInput).digest('base64url')}`,
    'of an unknown key': signed({ ...header, kid: 'nobody' }, claims, ownKey),
    'of another key under a known name': signed(header, claims, ownKey),
    'with other claims under the signature': `${first}.${encoded({ ...claims, sub: randomUUID() })}.${signature}`,
    'cut short': `${first}.${second}`,
  };
}
