import { Readable } from 'node:stream';
import { GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { ObjectStore, UploadLinks } from '../../core/execution/ports.ts';
import { attachmentHeader } from '../../core/text/download.ts';

/** Path style, because a bucket in the host name does not resolve on every endpoint; checksums only where the call asks for them. */
const client = new S3Client({
  maxAttempts: 5,
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
});

/** S3 compares a body with such a checksum, and stores nothing that differs. */
const base64Of = (sha256: string): string => Buffer.from(sha256, 'hex').toString('base64');

export function s3Objects(bucket: string): ObjectStore & UploadLinks {
  return {
    async put(key, bytes, contentType) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ContentType: contentType }));
    },
    async putStream(key, body, { size_bytes, sha256 }, contentType) {
      const source = Readable.from(body);
      const sending = new AbortController();
      let reason: Error | null = null;
      // The client would wait for ever for the rest of a body that failed.
      source.on('error', (error) => {
        reason = error;
        sending.abort();
      });
      const put = new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: source,
        ContentLength: size_bytes,
        ContentType: contentType,
        ChecksumSHA256: base64Of(sha256),
      });
      try {
        await client.send(put, { abortSignal: sending.signal });
      } catch (error) {
        throw reason ?? error;
      } finally {
        source.destroy();
      }
    },
    async get(key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return Body ? await Body.transformToByteArray() : null;
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw error;
      }
    },
    async getStream(key) {
      try {
        const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return Body instanceof Readable ? { body: Body, size: ContentLength ?? 0 } : null;
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw error;
      }
    },
    async list(prefix, after) {
      const keys: string[] = [];
      let token: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(after ? { StartAfter: after } : {}),
            ...(token ? { ContinuationToken: token } : {}),
          }),
        );
        keys.push(...(page.Contents ?? []).flatMap((object) => (object.Key ? [object.Key] : [])));
        token = page.NextContinuationToken;
      } while (token);
      return keys;
    },
    async stat(key) {
      // By listing: who only writes objects of a kind need not be allowed to read them.
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: 1 }));
      const [found] = Contents ?? [];
      if (found?.Key !== key || found.Size === undefined || !found.LastModified) return null;
      return { size: found.Size, writtenAt: found.LastModified };
    },
    presignGet: (key, { expiresInSeconds, fileName, contentType }) =>
      getSignedUrl(
        client,
        new GetObjectCommand({
          Bucket: bucket,
          Key: key,
          ResponseContentDisposition: attachmentHeader(fileName),
          ResponseContentType: contentType,
        }),
        { expiresIn: expiresInSeconds },
      ),
    async presignPut(key, { expiresInSeconds, sizeBytes, sha256 }) {
      const checksum = base64Of(sha256);
      const command = new PutObjectCommand({ Bucket: bucket, Key: key, ContentLength: sizeBytes, ChecksumSHA256: checksum });
      // Signed as headers: S3 then refuses other lengths, and compares the bytes with the checksum itself.
      const header = 'x-amz-checksum-sha256';
      const url = await getSignedUrl(client, command, {
        expiresIn: expiresInSeconds,
        unhoistableHeaders: new Set([header]),
        signableHeaders: new Set(['host', 'content-length', header]),
      });
      return { url, headers: { 'content-length': String(sizeBytes), [header]: checksum } };
    },
  };
}
