import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { executionRow, output, settings } from '../../support/faults.ts';

const s3 = new S3Client({ ...settings, forcePathStyle: true });

/** The stored manifest of an execution, byte for byte. */
export async function readManifestBytes(executionId: string): Promise<Uint8Array> {
  const { manifest_key } = await executionRow(executionId);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: output('DataBucketName'), Key: String(manifest_key) }));
  if (!Body) throw new Error(`${executionId} has no manifest`);
  return await Body.transformToByteArray();
}
