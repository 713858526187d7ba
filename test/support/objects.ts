/** The objects of the running instance, with the rights of nobody but the tests. */
import { DeleteObjectCommand, GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { output, settings } from './faults.ts';

const s3 = new S3Client({ ...settings, forcePathStyle: true });
const at = (Key: string) => ({ Bucket: output('DataBucketName'), Key });

export async function objectAt(key: string): Promise<Uint8Array | null> {
  try {
    const { Body } = await s3.send(new GetObjectCommand(at(key)));
    return (await Body?.transformToByteArray()) ?? null;
  } catch (error) {
    if (error instanceof NoSuchKey) return null;
    throw error;
  }
}

export const putObject = async (key: string, bytes: Uint8Array): Promise<void> =>
  void (await s3.send(new PutObjectCommand({ ...at(key), Body: bytes })));

export const removeObject = async (key: string): Promise<void> => void (await s3.send(new DeleteObjectCommand(at(key))));
