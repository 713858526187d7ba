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
};

async function adopt(uploaded: Uint8Array | null) {
  const objects = memoryObjects();
  if (uploaded) await objects.put(uploadKey(upload.file_id), uploaded, '');
  return { answer: await adoptUpload(objects, upload), blob: objects.objects.get(blobKey(upload.sha256)) };
}

describe('an upload', () => {
  it('becomes a blob under its hash when it is what was announced', async () => {
    const { answer, blob } = await adopt(bytes);
    expect(answer).toBe('adopted');
    expect(Buffer.from(blob ?? [])).toEqual(bytes);
  });

  it.each([
    ['is not there', null, 'missing'],
    ['has other bytes of the same length', Buffer.from('the pronounced byte'), 'other_bytes'],
    ['is longer', Buffer.concat([bytes, Buffer.from('!')]), 'other_bytes'],
    ['is shorter', bytes.subarray(1), 'other_bytes'],
    ['is empty', Buffer.alloc(0), 'other_bytes'],
  ])('that %s becomes none', async (_, uploaded, expected) => {
    expect(await adopt(uploaded)).toEqual({ answer: expected, blob: undefined });
  });
});
