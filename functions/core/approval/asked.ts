/** What a request asks for, read from exactly the bytes its digest covers. */
import type { Approval } from '../../contracts/approval.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { OPERATION_DIGEST_PREFIX, type Operation, operation } from '../../contracts/operation.ts';
import { ManifestUnreadable, readManifest } from '../execution/manifest.ts';
import type { ObjectStore } from '../execution/ports.ts';
import { sha256 } from '../text/json.ts';

/** A run, or another operation. */
export type Asked =
  | { readonly manifest: Manifest; readonly operation: null }
  | { readonly manifest: null; readonly operation: Operation };

export const operationDigest = (bytes: Uint8Array): string =>
  sha256(Buffer.concat([Buffer.from(OPERATION_DIGEST_PREFIX), bytes]));

/** As approvers read them. */
export const detailsText = ({ details }: Operation): string => JSON.stringify(details, null, 2);

export async function readAsked(
  objects: Pick<ObjectStore, 'get'>,
  { execution_id, manifest_key: key, digest }: Pick<Approval, 'execution_id' | 'manifest_key' | 'digest'>,
): Promise<Asked> {
  if (execution_id !== null) return { manifest: (await readManifest(objects, key, digest)).manifest, operation: null };
  const bytes = await objects.get(key);
  if (!bytes) throw new ManifestUnreadable(`there is no operation at ${key}`);
  if (operationDigest(bytes) !== digest)
    throw new ManifestUnreadable(`the operation at ${key} does not have the digest ${digest}`);
  return { manifest: null, operation: operation.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))) };
}
