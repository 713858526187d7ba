import { uploadAnswer, uploadRequest } from '../file.ts';
import { defineRoute } from '../route.ts';

export const createUpload = defineRoute({
  id: 'createUpload',
  method: 'POST',
  path: '/api/v1/files',
  permission: 'execute_code',
  summary:
    'Announce a file of up to 100 MB. Answers with where to PUT its bytes; its id can then be named in `files` of a submission.',
  body: uploadRequest,
  responses: { 201: uploadAnswer },
});
