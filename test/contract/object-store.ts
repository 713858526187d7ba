/** What every store of objects keeps. */
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../functions/core/execution/ports.ts';
import { sha256 } from '../../functions/core/text/json.ts';

const MEBIBYTE = 1024 * 1024;
const TYPE = 'application/octet-stream';

async function* pieces(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const contentOf = (bytes: Uint8Array) => ({ size_bytes: bytes.length, sha256: sha256(bytes) });

async function wholeOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function objectStoreContract(name: string, open: () => Promise<ObjectStore>): void {
  const newKey = () => `contract/${randomUUID()}`;

  describe(`objects in ${name}`, () => {
    it.each([0, 1, 5 * MEBIBYTE + 1])('of %i bytes come back as they were written, whole or in a stream', async (size) => {
      const store = await open();
      const [whole, streamed] = [newKey(), newKey()];
      const bytes = randomBytes(size);
      await store.put(whole, bytes, TYPE);
      await store.putStream(streamed, pieces(bytes), contentOf(bytes), TYPE);
      for (const key of [whole, streamed]) {
        expect(Buffer.from((await store.get(key)) ?? []).equals(bytes)).toBe(true);
        const stream = await store.getStream(key);
        expect(stream?.size).toBe(size);
        expect((await wholeOf(stream?.body ?? pieces(Buffer.alloc(0)))).equals(bytes)).toBe(true);
        expect(await store.stat(key)).toEqual({ size, writtenAt: expect.any(Date) });
      }
    });

    it('that are not there are null', async () => {
      const store = await open();
      const key = newKey();
      await store.put(`${key}-longer`, Buffer.from('x'), TYPE);
      expect([await store.get(key), await store.getStream(key), await store.stat(key)]).toEqual([null, null, null]);
    });

    it.each([
      ['other bytes than were announced', (bytes: Buffer) => pieces(Buffer.concat([bytes.subarray(1), Buffer.from('!')]))],
      [
        'bytes that end in a fault, which is what the writer hears',
        async function* (bytes: Buffer) {
          yield* pieces(bytes.subarray(0, -1));
          throw new Error('the source broke');
        },
      ],
    ])('are not stored of %s', async (what, body) => {
      const store = await open();
      const key = newKey();
      const bytes = randomBytes(MEBIBYTE);
      const writing = store.putStream(key, body(bytes), contentOf(bytes), TYPE);
      await expect(writing).rejects.toThrow(what.includes('fault') ? 'the source broke' : /./);
      expect(await store.stat(key)).toBeNull();
    });

    it('are listed by prefix, in order, after a key', async () => {
      const store = await open();
      const prefix = `${newKey()}/`;
      for (const part of ['b', 'a', 'c']) await store.put(`${prefix}${part}`, Buffer.from(part), TYPE);
      expect(await store.list(prefix)).toEqual([`${prefix}a`, `${prefix}b`, `${prefix}c`]);
      expect(await store.list(prefix, `${prefix}a`)).toEqual([`${prefix}b`, `${prefix}c`]);
    });
  });
}
