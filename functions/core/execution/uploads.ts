/**
 * From an upload, which its owner may write over at any time, to a blob under its own hash, which no client's link can write. Manifest,
 * approval and run know blobs only.
 */
import { createHash } from 'node:crypto';
import type { Upload } from '../../contracts/file.ts';
import type { ObjectStore } from './ports.ts';
import { blobKey } from './submit.ts';

/** A link to upload lives for so long, and what was uploaded can be named in a submission for so long. */
export const UPLOAD_LINK_SECONDS = 15 * 60;
export const UPLOAD_KEPT_HOURS = 24;

export const uploadKey = (fileId: string): string => `uploads/${fileId}`;

export interface UploadStore {
  put(upload: Upload, usableUntil: Date): Promise<void>;
  get(fileId: string): Promise<Upload | null>;
}

class OtherBytes extends Error {
  override readonly name = 'OtherBytes';
}

/** Reads the upload once, and stores what was read; nothing is stored when it is not what was announced. */
export async function adoptUpload(objects: ObjectStore, upload: Upload): Promise<'adopted' | 'missing' | 'other_bytes'> {
  const source = await objects.getStream(uploadKey(upload.file_id));
  if (!source) return 'missing';
  try {
    const body = verified(source.body, upload);
    await objects.putStream(blobKey(upload.sha256), body, upload.size_bytes, 'application/octet-stream');
    return 'adopted';
  } catch (error) {
    if (error instanceof OtherBytes) return 'other_bytes';
    throw error;
  }
}

/** The same bytes; the last piece is given out only when all of them together are the right ones, so that no other object is ever whole. */
async function* verified(
  body: AsyncIterable<Uint8Array>,
  { size_bytes, sha256 }: { readonly size_bytes: number; readonly sha256: string },
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  let held: Uint8Array | null = null;
  for await (const chunk of body) {
    if (chunk.byteLength === 0) continue;
    bytes += chunk.byteLength;
    if (bytes > size_bytes) throw new OtherBytes();
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (bytes !== size_bytes || hash.digest('hex') !== sha256) throw new OtherBytes();
  if (held) yield held;
}
