import { createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose';
import { TICKET_ALGORITHM, TICKET_TYPE, type TicketClaims } from '../../contracts/ticket.ts';

const client = new KMSClient({ maxAttempts: 5 });

/** The public half as a JSON Web Key, named by its thumbprint. */
async function publicJwk(keyId: string): Promise<JWK> {
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
  if (!PublicKey) throw new Error(`KMS has no public key for ${keyId}`);
  const jwk = await exportJWK(createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' }));
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: TICKET_ALGORITHM, use: 'sig' };
}

/** What supervisors verify tickets with. */
export const ticketJwks = async (keyId: string): Promise<string> => JSON.stringify({ keys: [await publicJwk(keyId)] });

/** Signs run tickets with the key that never leaves KMS. Only the gate's role may use it. */
export function kmsTicketSigner(keyId: string): (claims: TicketClaims) => Promise<string> {
  let kid: Promise<string> | null = null;
  const keyName = () => {
    kid ??= publicJwk(keyId).then(
      (jwk) => jwk.kid ?? '',
      (error: unknown) => {
        kid = null;
        throw error;
      },
    );
    return kid;
  };
  return async (claims) => {
    const header = { alg: TICKET_ALGORITHM, typ: TICKET_TYPE, kid: await keyName() };
    const signed = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
    const { Signature } = await client.send(
      new SignCommand({ KeyId: keyId, Message: Buffer.from(signed), MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' }),
    );
    if (!Signature) throw new Error('KMS returned no signature');
    return `${signed}.${joseSignature(Signature).toString('base64url')}`;
  };
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');

/** KMS answers with DER (SEQUENCE of two INTEGERs); a JWS wants r and s as 32 bytes each (RFC 7518, section 3.4). */
export function joseSignature(der: Uint8Array): Buffer {
  const bytes = Buffer.from(der);
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2) throw new Error('expected a DER sequence');
  const integerAt = (offset: number): { value: Buffer; end: number } => {
    const length = bytes[offset + 1];
    if (bytes[offset] !== 0x02 || length === undefined) throw new Error('expected a DER integer');
    const end = offset + 2 + length;
    const value = bytes.subarray(offset + 2, end);
    const unsigned = value[0] === 0 ? value.subarray(1) : value;
    if (unsigned.length > 32 || end > bytes.length) throw new Error('expected integers of at most 32 bytes');
    return { value: Buffer.concat([Buffer.alloc(32 - unsigned.length), unsigned]), end };
  };
  const r = integerAt(2);
  const s = integerAt(r.end);
  if (s.end !== bytes.length) throw new Error('expected two DER integers and nothing else');
  return Buffer.concat([r.value, s.value]);
}
