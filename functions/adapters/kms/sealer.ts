import { DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import type { Sealer } from '../dynamo/sessions.ts';

const client = new KMSClient({ maxAttempts: 5 });

/** Texts of at most 4 KB, sealed by a key that never leaves KMS, for one place each. */
export function kmsSealer(keyId: string): Sealer {
  return {
    async seal(text, place) {
      const { CiphertextBlob } = await client.send(
        new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from(text, 'utf8'), EncryptionContext: { place } }),
      );
      if (!CiphertextBlob) throw new Error('KMS sealed nothing');
      return Buffer.from(CiphertextBlob).toString('base64url');
    },
    async open(sealed, place) {
      const { Plaintext } = await client.send(
        new DecryptCommand({ KeyId: keyId, CiphertextBlob: Buffer.from(sealed, 'base64url'), EncryptionContext: { place } }),
      );
      if (!Plaintext) throw new Error('KMS opened nothing');
      return Buffer.from(Plaintext).toString('utf8');
    },
  };
}
