import { dynamoUploads } from '../../adapters/dynamo/uploads.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { UPLOAD_KEPT_DAYS } from '../../contracts/file.ts';
import * as routes from '../../contracts/routes/files.ts';
import { UPLOAD_LINK_SECONDS, uploadKey } from '../../core/execution/uploads.ts';
import { apiHandler, route } from '../../runtime/api-handler.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError } from '../../runtime/errors.ts';
import { clock, ids } from '../../runtime/system.ts';

const environment = environmentOf('api/files');
const uploads = dynamoUploads(environment.EPHEMERA_TABLE);
const objects = s3Objects(environment.DATA_BUCKET);
const { uploads: uploadLimits } = readConfiguration();

export const handler = apiHandler(environment, [
  route(routes.createUpload, async ({ actor, body }) => {
    if (body.size > uploadLimits.max_file_bytes) {
      const errors = [
        { field: 'body.size', expected: `at most ${uploadLimits.max_file_bytes} bytes`, received: String(body.size) },
      ];
      throw new ApiError('validation_failed', 'The file is larger than what is taken here.', { errors });
    }
    const now = clock.now();
    const file_id = `file_${ids.uuid()}`;
    const usableUntil = new Date(now.getTime() + UPLOAD_KEPT_DAYS * 24 * 3600_000);
    const announced = { file_id, owner_id: actor.user_id, name: body.name, size_bytes: body.size, sha256: body.sha256 };
    await uploads.put({ ...announced, created_at: now.toISOString(), verified: false }, usableUntil);
    const link = await objects.presignPut(uploadKey(file_id), {
      expiresInSeconds: UPLOAD_LINK_SECONDS,
      sizeBytes: body.size,
      sha256: body.sha256,
    });
    return {
      status: 201 as const,
      body: {
        file_id,
        upload_url: link.url,
        method: 'PUT' as const,
        headers: link.headers,
        expires_at: new Date(now.getTime() + UPLOAD_LINK_SECONDS * 1000).toISOString(),
        usable_until: usableUntil.toISOString(),
      },
    };
  }),
]);
