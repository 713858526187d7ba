import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { upload as uploadSchema } from '../../contracts/file.ts';
import type { UploadStore } from '../../core/execution/uploads.ts';
import { documents } from './client.ts';

/** What was announced of uploads, among what may expire. */
export function dynamoUploads(ephemeraTable: string): UploadStore {
  const keyOf = (fileId: string) => ({ pk: `upload#${fileId}`, sk: '-' });
  return {
    async put(upload, usableUntil) {
      const expires = Math.floor(usableUntil.getTime() / 1000);
      await documents.send(
        new PutCommand({
          TableName: ephemeraTable,
          Item: { ...keyOf(upload.file_id), ...upload, expires_at_seconds: expires },
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      );
    },
    async get(fileId) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: ephemeraTable, Key: keyOf(fileId), ConsistentRead: true }),
      );
      // Expired items stay for a while.
      if (!Item || Number(Item.expires_at_seconds) <= Date.now() / 1000) return null;
      return uploadSchema.parse(Item);
    },
    async markVerified(fileId) {
      const update = new UpdateCommand({
        TableName: ephemeraTable,
        Key: keyOf(fileId),
        UpdateExpression: 'SET verified = :yes',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeValues: { ':yes': true },
      });
      try {
        await documents.send(update);
      } catch (error) {
        // Its time is over.
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    },
  };
}
