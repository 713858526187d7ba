import {
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { LockedStore } from '../../core/audit/anchor.ts';

const client = new S3Client({ requestChecksumCalculation: 'WHEN_REQUIRED', forcePathStyle: true, maxAttempts: 4 });

/** A bucket whose objects nobody can change or delete before their time: its default retention does that, not this code. */
export function s3Locked(bucket: string): LockedStore {
  return {
    async get(key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return Body ? await Body.transformToByteArray() : null;
      } catch (error) {
        if (error instanceof NoSuchKey || (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404))
          return null;
        throw error;
      }
    },

    async putOnce(key, bytes, contentType) {
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: bytes,
          ContentType: contentType,
          // A second version would not touch the first, but it would be the one that is read.
          IfNoneMatch: '*',
          // What is put under a lock needs a checksum.
          ChecksumAlgorithm: 'SHA256',
        }),
      );
    },

    async hours() {
      const hours: string[] = [];
      for await (const { Contents } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: 'anchors/' }))
        hours.push(...(Contents ?? []).flatMap(({ Key }) => /^anchors\/(.*)\.json$/.exec(Key ?? '')?.[1] ?? []));
      return hours;
    },
  };
}
