import { type Manifest, manifest } from '../../contracts/manifest.ts';
import type { ObjectStore } from './ports.ts';
import { digestOf } from './submit.ts';

export class ManifestUnreadable extends Error {
  override readonly name = 'ManifestUnreadable';
}

/** The stored bytes, believed only when they hash to the digest the caller holds; parsed from exactly these bytes. */
export async function readManifest(
  objects: Pick<ObjectStore, 'get'>,
  key: string,
  digest: string,
): Promise<{ bytes: Uint8Array; manifest: Manifest }> {
  const bytes = await objects.get(key);
  if (!bytes) throw new ManifestUnreadable(`there is no manifest at ${key}`);
  if (digestOf(bytes) !== digest) throw new ManifestUnreadable(`the manifest at ${key} does not have the digest ${digest}`);
  return { bytes, manifest: manifest.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))) };
}
