import { createHash } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { DIGEST_PREFIX, type Manifest } from '../../functions/contracts/manifest.ts';
import type { TicketClaims } from '../../functions/contracts/ticket.ts';
import { createCredential, createTicketVerifier, openManifest } from './ticket.ts';

const NOW = new Date('2026-11-22T12:00:00Z');
const seconds = NOW.getTime() / 1000;
const gate = await generateKeyPair('ES256');
const verify = createTicketVerifier({
  jwks: { keys: [{ ...(await exportJWK(gate.publicKey)), kid: 'gate' }] },
  sandboxId: 'sbx_1',
  now: () => NOW,
});

const claims: TicketClaims = {
  jti: 'ticket',
  execution_id: 'exec_1',
  attempt: 1,
  aud: 'sbx_1',
  digest: 'a'.repeat(64),
  basis: { kind: 'approval', approval_id: 'apr_1' },
  iat: seconds,
  exp: seconds + 120,
};

const sign = (changes: object = {}, header: object = {}): Promise<string> =>
  new SignJWT({ ...claims, ...changes })
    .setProtectedHeader({ alg: 'ES256', typ: 'airlock-run+jwt', kid: 'gate', ...header })
    .sign(gate.privateKey);

const invalid = expect.objectContaining({ code: 'ticket_invalid' });

describe('a run ticket', () => {
  it('of the gate for this sandbox is accepted', async () => {
    expect(await verify(await sign())).toEqual(claims);
  });

  it.each<[string, object, object?]>([
    ['for another sandbox', { aud: 'sbx_2' }],
    ['for several sandboxes', { aud: ['sbx_1', 'sbx_2'] }],
    ['that has expired', { iat: seconds - 120, exp: seconds - 6 }],
    ['that lives longer than 120 seconds', { exp: seconds + 121 }],
    ['issued in the future', { iat: seconds + 300, exp: seconds + 400 }],
    ['without expiry', { exp: undefined }],
    ['without an id', { jti: undefined }],
    ['with a claim nobody knows', { admin: true }],
    ['on another basis', { basis: { kind: 'trust' } }],
    ['of another type', {}, { typ: 'JWT' }],
    ['without a type', {}, { typ: undefined }],
  ])('%s is refused', async (_, changes, header) => {
    await expect(verify(await sign(changes, header))).rejects.toEqual(invalid);
  });

  it('is refused when one character of it is another', async () => {
    const [header, payload = '', signature] = (await sign()).split('.');
    const other = Buffer.from(JSON.stringify({ ...claims, digest: 'b'.repeat(64) })).toString('base64url');
    await expect(verify(`${header}.${other}.${signature}`)).rejects.toEqual(invalid);
    await expect(verify(`${header}.${payload}.`)).rejects.toEqual(invalid);
    await expect(verify('')).rejects.toEqual(invalid);
  });
});

describe('the manifest of a ticket', () => {
  const manifest: Manifest = {
    ...{ version: 1, execution_id: 'exec_1', requester_id: 'u', approval_requested: false, language: 'bash', code: 'é' },
    ...{
      entrypoint: 'main.sh',
      args: [],
      stdin: null,
      env: {},
      files: [],
      environment: 'bash',
      timeout_seconds: 1,
      network: 'none',
    },
    limits: { memory_bytes: 1, cpu: 1, disk_bytes: 1, processes: 1, open_files: 1 },
    ...{ profile: { name: 'standard', content: {} }, context: {}, image_id: 'image' },
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const digestOf = (content: Buffer) => createHash('sha256').update(DIGEST_PREFIX).update(content).digest('hex');
  const open =
    (content: Buffer, changes: Partial<TicketClaims> = {}, imageId = 'image') =>
    () =>
      openManifest(content, { ...claims, digest: digestOf(content), ...changes }, imageId);

  it('is read from exactly the bytes that were signed', () => {
    expect(open(bytes)()).toEqual(manifest);
    expect(open(Buffer.concat([bytes, Buffer.from(' ')]), { digest: digestOf(bytes) })).toThrow(
      expect.objectContaining({ code: 'digest_mismatch' }),
    );
  });

  it('is refused for another execution or another image', () => {
    expect(open(bytes, { execution_id: 'exec_2' })).toThrow(expect.objectContaining({ code: 'digest_mismatch' }));
    expect(open(bytes, {}, 'newer')).toThrow(expect.objectContaining({ code: 'environment_changed' }));
  });

  it.each(['', '{}', 'null', JSON.stringify({ ...manifest, extra: 1 }), JSON.stringify({ ...manifest, args: ['\0'] })])(
    'is refused when it is %j',
    (text) => {
      expect(open(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'manifest_invalid' }));
    },
  );
});

it('the credential of a run is its very ticket and no other', () => {
  const { matches } = createCredential('a.b.c');
  expect([matches('a.b.c'), matches('a.b.d'), matches(''), matches('a.b.c ')]).toEqual([true, false, false, false]);
});
