/**
 * From an upload, which its owner may write over at any time, to a blob under its own hash, which no client's link can write. Manifest,
 * approval and run know blobs only.
 */
import { createHash } from 'node:crypto';
import type { Upload } from '../../contracts/file.ts';
import type { ObjectStore } from './ports.ts';
import { blobKey } from './submit.ts';

export const UPLOAD_LINK_SECONDS = 15 * 60;

/** A blob this young outlives every run that may still want it (BLOB_KEPT_DAYS). */
const BLOB_REUSED_DAYS = 30;
const DAY_MS = 24 * 3600_000;

export const uploadKey = (fileId: string): string => `uploads/${fileId}`;

export interface UploadStore {
  put(upload: Upload, usableUntil: Date): Promise<void>;
  get(fileId: string): Promise<Upload | null>;
  markVerified(fileId: string): Promise<void>;
}

class OtherBytes extends Error {
  override readonly name = 'OtherBytes';
}

type Adoption = 'adopted' | 'missing' | 'other_bytes';

interface Parts {
  readonly objects: Pick<ObjectStore, 'getStream' | 'putStream' | 'stat'>;
  readonly uploads: Pick<UploadStore, 'markVerified'>;
}

/**
 * Reads the upload once, and stores what was read; nothing is stored when it is not what was announced. A blob that is there already is
 * not written again, but the upload is still read the first time: knowing a hash does not show that one has the bytes.
 */
export async function adoptUpload(parts: Parts, upload: Upload, now: Date): Promise<Adoption> {
  const isStored = await isBlobFresh(parts, upload, now);
  if (isStored && upload.verified) return 'adopted';
  // No client of a storage sends a stream again after a fault, so the whole is tried twice.
  const answer = await read(parts, upload, isStored).catch(() => read(parts, upload, isStored));
  if (answer === 'adopted' && !upload.verified) await parts.uploads.markVerified(upload.file_id);
  return answer;
}

async function read(parts: Parts, upload: Upload, isStored: boolean): Promise<Adoption> {
  const source = await parts.objects.getStream(uploadKey(upload.file_id));
  if (!source) return 'missing';
  try {
    const body = verified(source, upload);
    if (isStored) await readToEnd(body);
    else await parts.objects.putStream(blobKey(upload.sha256), body, upload, 'application/octet-stream');
    return 'adopted';
  } catch (error) {
    if (error instanceof OtherBytes) return 'other_bytes';
    throw error;
  }
}

async function isBlobFresh({ objects }: Parts, upload: Upload, now: Date): Promise<boolean> {
  const blob = await objects.stat(blobKey(upload.sha256));
  return blob?.size === upload.size_bytes && now.getTime() - blob.writtenAt.getTime() < BLOB_REUSED_DAYS * DAY_MS;
}

/** The same bytes; the last piece is given out only when all of them together are the right ones, so that no other object is ever whole. */
async function* verified(
  source: { readonly body: AsyncIterable<Uint8Array>; readonly size: number },
  { size_bytes, sha256 }: { readonly size_bytes: number; readonly sha256: string },
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  let held: Uint8Array | null = null;
  for await (const chunk of source.body) {
    bytes += chunk.byteLength;
    if (source.size !== size_bytes || bytes > size_bytes) throw new OtherBytes();
    if (chunk.byteLength === 0) continue;
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (bytes !== size_bytes || hash.digest('hex') !== sha256) throw new OtherBytes();
  if (held) yield held;
}

async function readToEnd(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body);
}
