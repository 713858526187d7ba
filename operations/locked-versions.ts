/**
 * The locked bucket as it is, version by version. What was written first is locked and counts; whatever was put over it, or a marker that
 * hides it, is a trace of somebody who tried.
 */
import { GetObjectCommand, ListObjectVersionsCommand, type ListObjectVersionsCommandOutput, S3Client } from '@aws-sdk/client-s3';
import type { VerificationParts } from '../functions/core/audit/verify.ts';

interface Kept {
  /** Of the version that was written first; null where the bucket keeps no versions. */
  versionId: string | null;
  writtenAt: number;
  versions: number;
  markers: number;
}

export async function lockedVersions(bucket: string): Promise<VerificationParts['locked']> {
  const client = new S3Client({ forcePathStyle: true });
  const kept = new Map<string, Kept>();
  for (const Prefix of ['anchors/', 'audit/'])
    for await (const page of pagesOf(client, { Bucket: bucket, Prefix })) note(page, kept);

  return {
    async get(key) {
      const found = kept.get(key);
      if (!found) return null;
      const VersionId = found.versionId === null ? {} : { VersionId: found.versionId };
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...VersionId }));
      return Body ? await Body.transformToByteArray() : null;
    },
    hours: async () => [...kept.keys()].flatMap((key) => /^anchors\/(.*)\.json$/.exec(key)?.[1] ?? []),
    overwritten: async () =>
      [...kept].flatMap(([key, { versions, markers }]) => [
        ...(versions > 1 ? [{ where: key, fault: `${versions} versions are there; the first is the one that counts` }] : []),
        ...(markers > 0 ? [{ where: key, fault: 'somebody hid it behind a delete marker' }] : []),
      ]),
  };
}

async function* pagesOf(
  client: S3Client,
  where: { Bucket: string; Prefix: string },
): AsyncGenerator<ListObjectVersionsCommandOutput> {
  let marker: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ ...where, ...marker }));
    yield page;
    if (!page.IsTruncated || page.NextKeyMarker === undefined) return;
    const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
    marker = { KeyMarker, ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }) };
  }
}

function note({ Versions = [], DeleteMarkers = [] }: ListObjectVersionsCommandOutput, kept: Map<string, Kept>): void {
  for (const { Key = '', VersionId, LastModified } of Versions) {
    const writtenAt = LastModified?.getTime() ?? 0;
    const versionId = VersionId === undefined || VersionId === 'null' ? null : VersionId;
    const known = kept.get(Key);
    const isFirst = !known || known.versions === 0 || writtenAt < known.writtenAt;
    kept.set(Key, {
      ...(isFirst ? { versionId, writtenAt } : { versionId: known.versionId, writtenAt: known.writtenAt }),
      versions: (known?.versions ?? 0) + 1,
      markers: known?.markers ?? 0,
    });
  }
  for (const { Key = '' } of DeleteMarkers) {
    const known = kept.get(Key) ?? { versionId: null, writtenAt: 0, versions: 0, markers: 0 };
    kept.set(Key, { ...known, markers: known.markers + 1 });
  }
}
