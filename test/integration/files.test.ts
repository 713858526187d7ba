/** Files in and out, too large for a request or an answer. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { approve, as, type Client, finished, problemOf } from '../support/airlock.ts';
import { somebody } from '../support/people.ts';

const MEBIBYTE = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Link {
  readonly file_id: string;
  readonly upload_url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
}

async function announce(person: Client, bytes: Uint8Array, more: object = {}): Promise<Link> {
  const body = { name: 'data.bin', size: bytes.length, sha256: sha256(bytes), ...more };
  const answer = await person.call<Link>('POST', '/api/v1/files', body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

const put = (link: Link, bytes: Uint8Array): Promise<Response> =>
  fetch(link.upload_url, { method: link.method, headers: link.headers, body: Buffer.from(bytes) });

async function uploaded(person: Client, bytes: Uint8Array): Promise<string> {
  const link = await announce(person, bytes);
  expect((await put(link, bytes)).status).toBe(200);
  return link.file_id;
}

const HASH = `import hashlib, shutil
print(hashlib.file_digest(open("in/data.bin", "rb"), "sha256").hexdigest())
shutil.copy("in/data.bin", "output/back.bin")`;
const request = (fileId: string, more: object = {}) => ({
  language: 'python',
  code: HASH,
  files: [{ path: 'in/data.bin', file_id: fileId }],
  ...more,
});
const execute = (person: Client, body: object) => person.call<ExecutionResult>('POST', '/api/v1/execute', body);

describe('a file of 100 MB', () => {
  it('goes in and comes back whole, with its type, size and hash', async () => {
    const developer = await as('developer');
    const bytes = randomBytes(100 * MEBIBYTE);
    const fileId = await uploaded(developer, bytes);
    const { status, body: submitted } = await execute(developer, request(fileId));
    expect(status, JSON.stringify(submitted)).toBe(202);
    await approve(submitted);
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'completed', output: `${sha256(bytes)}\n`, files_skipped: [] });
    const [file] = result.files_created;
    expect(file).toMatchObject({
      name: 'back.bin',
      size_bytes: bytes.length,
      sha256: sha256(bytes),
      content_type: 'application/octet-stream',
    });
    const link = await developer.call<{ url: string }>('GET', `/api/v1/executions/${result.execution_id}/files/${file?.file_id}`);
    expect(link.status).toBe(302);
    const download = await fetch(link.body.url);
    expect(download.headers.get('content-disposition')).toContain('attachment');
    expect(sha256(new Uint8Array(await download.arrayBuffer()))).toBe(sha256(bytes));
  });

  it('is the most there may be', async () => {
    const answer = await (await as('developer')).call('POST', '/api/v1/files', {
      name: 'x',
      size: 100 * MEBIBYTE + 1,
      sha256: 'a'.repeat(64),
    });
    expect(answer.status).toBe(422);
    expect(problemOf(answer).errors).toMatchObject([{ field: 'body.size' }]);
  });
});

describe('what was uploaded', () => {
  it('does not reach a run when it was changed after the submission', async () => {
    const developer = await as('developer');
    const bytes = randomBytes(MEBIBYTE);
    const link = await announce(developer, bytes);
    await put(link, bytes);
    const { body: submitted } = await execute(developer, request(link.file_id));
    // Storage may refuse it for its hash; where it does not, it is of no use.
    await put(link, Buffer.alloc(bytes.length, 'x'));
    await approve(submitted);
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'completed', output: `${sha256(bytes)}\n` });
  });

  it.each([
    ['never came', null, /nothing was uploaded/],
    ['is other bytes than announced', Buffer.alloc(1000, 'y'), /other bytes|nothing was uploaded/],
    ['is shorter than announced', Buffer.alloc(10, 'y'), /other bytes|nothing was uploaded/],
  ] as const)('is refused by name when it %s', async (_, bytes, expected) => {
    const developer = await as('developer');
    const link = await announce(developer, randomBytes(1000));
    if (bytes)
      await fetch(link.upload_url, {
        method: 'PUT',
        headers: { ...link.headers, 'content-length': String(bytes.length) },
        body: bytes,
      }).catch(() => null);
    const label = `upload-${randomUUID()}`;
    const answer = await execute(developer, request(link.file_id, { label }));
    expect(answer.status).toBe(422);
    expect(problemOf(answer).errors).toMatchObject([
      { field: 'body.files[0].file_id', received: expect.stringMatching(expected) },
    ]);
    const { body } = await developer.call<{ executions: unknown[] }>('GET', `/api/v1/executions?label=${label}`);
    expect(body.executions).toEqual([]);
  });

  it('is of no use to anybody else, as if it were not there', async () => {
    const [developer, stranger] = await Promise.all([as('developer'), somebody('developer')]);
    const fileId = await uploaded(developer, randomBytes(100));
    const unknown = fileId.replace(/.{4}$/, '0000');
    const answers = [await execute(stranger, request(fileId)), await execute(stranger, request(unknown))];
    for (const answer of answers) {
      expect(answer.status).toBe(422);
      expect(problemOf(answer).errors).toMatchObject([
        { field: 'body.files[0].file_id', expected: 'the id of a file you uploaded within a day' },
      ]);
    }
  });

  it('may be no more in all than the disk of the run', async () => {
    const developer = await as('developer');
    const fileId = await uploaded(developer, randomBytes(2 * MEBIBYTE));
    const answer = await execute(developer, request(fileId, { resource_limits: { disk: '1MB' } }));
    expect(answer.status).toBe(422);
    expect(problemOf(answer).errors).toMatchObject([{ field: 'body.files' }]);
  });
});

describe('a link to upload', () => {
  it('is signed for the length and the hash, and reaches uploads only', async () => {
    const link = await announce(await as('developer'), randomBytes(100));
    const url = new URL(link.upload_url);
    expect(url.pathname).toMatch(/\/uploads\/file_[0-9a-f-]+$/);
    expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('content-length;host;x-amz-checksum-sha256');
    expect(Number(url.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(900);
  });

  it('is for people who may submit code', async () => {
    const answer = await (await as('viewer')).call('POST', '/api/v1/files', { name: 'x', size: 1, sha256: 'a'.repeat(64) });
    expect(answer.status).toBe(403);
  });

  it.each([
    ['a name with a slash', { name: '../x' }, 'body.name'],
    ['a hash in capitals', { sha256: 'A'.repeat(64) }, 'body.sha256'],
    ['a negative size', { size: -1 }, 'body.size'],
    ['an unknown field', { key: 'blobs/x' }, 'body.key'],
  ])('is refused with the field for %s', async (_, changes, field) => {
    const body = { name: 'x', size: 1, sha256: 'a'.repeat(64), ...changes };
    const answer = await (await as('developer')).call('POST', '/api/v1/files', body);
    expect(answer.status).toBe(422);
    expect(problemOf(answer).errors?.map((error) => error.field)).toContain(field);
  });
});
