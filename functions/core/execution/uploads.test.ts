import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { NOW } from '../../../test/support/entities.ts';
import { memoryObjects } from '../../../test/support/memory/stores.ts';
import type { Upload } from '../../contracts/file.ts';
import { blobKey } from './submit.ts';
import { adoptUpload, uploadKey } from './uploads.ts';

const bytes = Buffer.from('the announced bytes');
const upload: Upload = {
  file_id: 'file_0198c0de-0000-7000-8000-000000000001',
  owner_id: 'user-1',
  name: 'data.csv',
  size_bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  created_at: NOW.toISOString(),
  verified: false,
};
const uploadedAs = uploadKey(upload.file_id);
const blob = blobKey(upload.sha256);
const FORTY_DAYS_MS = 40 * 24 * 3600_000;

/** Objects in memory that count what is read and written, and remember which uploads were found right. */
function world() {
  const objects = memoryObjects();
  const log: string[] = [];
  const verified = new Set<string>();
  const counted: typeof objects = {
    ...objects,
    getStream: (key) => {
      log.push(`read ${key}`);
      return objects.getStream(key);
    },
    putStream: (key, ...rest) => {
      log.push(`write ${key}`);
      return objects.putStream(key, ...rest);
    },
  };
  const uploads = { markVerified: async (id: string) => void verified.add(id) };
  return { objects: counted, uploads, log, verified };
}

async function adopt(uploaded: Uint8Array | null) {
  const parts = world();
  if (uploaded) await parts.objects.put(uploadedAs, uploaded, '');
  const answer = await adoptUpload(parts, upload, NOW);
  return { answer, stored: parts.objects.objects.get(blob), verified: parts.verified.size };
}

describe('an upload', () => {
  it('becomes a blob under its hash when it is what was announced', async () => {
    const { answer, stored, verified } = await adopt(bytes);
    expect(answer).toBe('adopted');
    expect(Buffer.from(stored ?? [])).toEqual(bytes);
    expect(verified).toBe(1);
  });

  it.each([
    ['is not there', null, 'missing'],
    ['has other bytes of the same length', Buffer.from('the pronounced byte'), 'other_bytes'],
    ['is longer', Buffer.concat([bytes, Buffer.from('!')]), 'other_bytes'],
    ['is shorter', bytes.subarray(1), 'other_bytes'],
    ['is empty', Buffer.alloc(0), 'other_bytes'],
  ])('that %s becomes none', async (_, uploaded, expected) => {
    expect(await adopt(uploaded)).toEqual({ answer: expected, stored: undefined, verified: 0 });
  });

  it('of no bytes at all is one too', async () => {
    const parts = world();
    const nothing = { ...upload, size_bytes: 0, sha256: createHash('sha256').digest('hex') };
    await parts.objects.put(uploadedAs, Buffer.alloc(0), '');
    expect(await adoptUpload(parts, nothing, NOW)).toBe('adopted');
    expect(parts.objects.objects.get(blobKey(nothing.sha256))).toHaveLength(0);
  });

  it('that is written over while it is read becomes the bytes that were read, or nothing', async () => {
    const other = Buffer.from('the pronounced byte');
    for (const [before, after] of [
      [bytes, other],
      [other, bytes],
    ] as const) {
      const parts = world();
      await parts.objects.put(uploadedAs, before, '');
      const getStream = async (key: string) => {
        const source = await parts.objects.getStream(key);
        await parts.objects.put(uploadedAs, after, '');
        return source;
      };
      const answer = await adoptUpload({ ...parts, objects: { ...parts.objects, getStream } }, upload, NOW);
      expect(answer).toBe(before === bytes ? 'adopted' : 'other_bytes');
      expect(parts.objects.objects.get(blob)?.toString()).toBe(before === bytes ? bytes.toString() : undefined);
    }
  });

  it.each([
    ['once is read again', 1, 'adopted'],
    ['twice is the caller’s to name again', 2, 'thrown'],
  ])('whose storing fails %s', async (_, faults, expected) => {
    const parts = world();
    await parts.objects.put(uploadedAs, bytes, '');
    let left = faults;
    const putStream: typeof parts.objects.putStream = async (...call) => {
      left -= 1;
      if (left >= 0) throw new Error('the storage is busy');
      return parts.objects.putStream(...call);
    };
    const adopting = adoptUpload({ ...parts, objects: { ...parts.objects, putStream } }, upload, NOW);
    expect(await adopting.catch(() => 'thrown')).toBe(expected);
    expect(parts.verified.size).toBe(expected === 'adopted' ? 1 : 0);
  });

  it('is never held: one piece waits while the next is read', async () => {
    const pieces = 200;
    const piece = Buffer.alloc(1024, 7);
    const big = Buffer.alloc(pieces * piece.length, 7);
    let given = 0;
    let ahead = 0;
    const body = (async function* () {
      for (; given < pieces; given += 1) yield piece;
    })();
    const parts = world();
    const objects = {
      ...parts.objects,
      getStream: async () => ({ body, size: big.length }),
      putStream: async (_: string, content: AsyncIterable<Uint8Array>) => {
        let taken = 0;
        for await (const _piece of content) {
          taken += 1;
          ahead = Math.max(ahead, given - taken);
        }
      },
    };
    const announced = { ...upload, size_bytes: big.length, sha256: createHash('sha256').update(big).digest('hex') };
    expect(await adoptUpload({ ...parts, objects }, announced, NOW)).toBe('adopted');
    expect(given).toBe(pieces);
    expect(ahead).toBeLessThanOrEqual(1);
  });
});

describe('bytes that are stored already', () => {
  const stored = async () => {
    const parts = world();
    await parts.objects.put(blob, bytes, '');
    return parts;
  };

  it('are not written again, and still whoever names them has to have them', async () => {
    const parts = await stored();
    expect(await adoptUpload(parts, upload, NOW)).toBe('missing');
    await parts.objects.put(uploadedAs, Buffer.from('the pronounced byte'), '');
    expect(await adoptUpload(parts, upload, NOW)).toBe('other_bytes');
    await parts.objects.put(uploadedAs, bytes, '');
    expect(await adoptUpload(parts, upload, NOW)).toBe('adopted');
    expect(parts.log).not.toContain(`write ${blob}`);
  });

  it('are not even read again for an upload that was found right before', async () => {
    const parts = await stored();
    expect(await adoptUpload(parts, { ...upload, verified: true }, NOW)).toBe('adopted');
    expect(parts.log).toEqual([]);
  });

  it.each([true, false])('are written again before they are too old for a run that waits (verified: %s)', async (verified) => {
    const parts = await stored();
    await parts.objects.put(uploadedAs, bytes, '');
    const later = new Date(NOW.getTime() + FORTY_DAYS_MS);
    expect(await adoptUpload(parts, { ...upload, verified }, later)).toBe('adopted');
    expect(parts.log).toEqual([`read ${uploadedAs}`, `write ${blob}`]);
  });
});
