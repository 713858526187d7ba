/** Files in and out, too large for a request or an answer. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import { approvalOf, approve, as, type Client, finished, problemOf, until } from '../support/airlock.ts';
import { executionRow, killWorkersOf, runTicket } from '../support/faults.ts';
import { objectAt, putObject, removeObject } from '../support/objects.ts';
import { somebody } from '../support/people.ts';

const MEBIBYTE = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

// What takes seconds is done beside the event loop: connections that are kept would end unseen meanwhile, and be used again.
const hashOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
async function largest() {
  const bytes = await promisify(randomBytes)(100 * MEBIBYTE);
  return { bytes, hash: await hashOf(bytes) };
}

interface Link {
  readonly file_id: string;
  readonly upload_url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
}

async function announce(person: Client, bytes: Uint8Array, hash = sha256(bytes)): Promise<Link> {
  const body = { name: 'data.bin', size: bytes.length, sha256: hash };
  const answer = await person.call<Link>('POST', '/api/v1/files', body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

const put = (link: Link, bytes: Uint8Array<ArrayBuffer>): Promise<Response> =>
  fetch(link.upload_url, { method: link.method, headers: link.headers, body: bytes });

async function uploaded(person: Client, bytes: Uint8Array<ArrayBuffer>, hash?: string): Promise<string> {
  const link = await announce(person, bytes, hash);
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
/** As its owner might, were there no checksum in the link. */
const writeOver = (fileId: string, bytes: Uint8Array): Promise<void> => putObject(`uploads/${fileId}`, bytes);
const blobOf = (bytes: Uint8Array) => objectAt(`blobs/${sha256(bytes)}`);

const execute = (person: Client, body: object) => person.call<ExecutionResult>('POST', '/api/v1/execute', body);

describe('a file of 100 MB', () => {
  it('goes in and comes back whole, with its type, size and hash', async () => {
    const developer = await as('developer');
    const { bytes, hash } = await largest();
    const fileId = await uploaded(developer, bytes, hash);
    const { status, body: submitted } = await execute(developer, request(fileId));
    expect(status, JSON.stringify(submitted)).toBe(202);
    // What the approver sees of it is what decides: its path, hash and size.
    expect((await approvalOf(submitted)).manifest?.files).toEqual([
      { path: 'in/data.bin', sha256: hash, size_bytes: bytes.length },
    ]);
    await approve(submitted);
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'completed', output: `${hash}\n`, files_skipped: [] });
    const [file] = result.files_created;
    expect(file).toMatchObject({
      name: 'back.bin',
      size_bytes: bytes.length,
      sha256: hash,
      content_type: 'application/octet-stream',
    });
    const link = await developer.call<{ url: string }>('GET', `/api/v1/executions/${result.execution_id}/files/${file?.file_id}`);
    expect(link.status).toBe(302);
    const download = await fetch(link.body.url);
    expect(download.headers.get('content-disposition')).toContain('attachment');
    expect(await hashOf(new Uint8Array(await download.arrayBuffer()))).toBe(hash);
  });

  it('arrives although the dispatcher is killed while it carries it in, and while it carries it out', async () => {
    const developer = await as('developer');
    const { bytes, hash } = await largest();
    const { body: submitted } = await execute(developer, request(await uploaded(developer, bytes, hash)));
    const killWhen = (what: string, isIt: (row: Record<string, unknown>) => boolean) =>
      until(what, async () => isIt(await executionRow(submitted.execution_id)) && killWorkersOf('tasks/run-in-sandbox') > 0);
    await approve(submitted);
    await until('the ticket', () => runTicket(submitted.execution_id));
    await killWhen('a dispatcher that brings the file', (row) => row.phase === 'starting');
    await killWhen('a dispatcher that fetches the file', (row) => row.phase === 'collecting');
    const result = await finished(submitted.execution_id);
    expect(result).toMatchObject({ status: 'completed', output: `${hash}\n` });
    const [file] = result.files_created;
    const stored = await objectAt(`artifacts/${result.execution_id}/${file?.file_id}`);
    expect(await hashOf(new Uint8Array(stored ?? []))).toBe(hash);
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
    const fileId = await uploaded(developer, bytes);
    const { body: submitted } = await execute(developer, request(fileId));
    await writeOver(fileId, Buffer.alloc(bytes.length, 'x'));
    // It was found right once, so it stands for the bytes that were announced.
    const { body: later } = await execute(developer, request(fileId));
    for (const execution of [submitted, later]) {
      await approve(execution);
      const result = await finished(execution.execution_id);
      expect(result).toMatchObject({ status: 'completed', output: `${sha256(bytes)}\n` });
    }
  });

  it('does not reach a blob when it is changed while it is looked at', async () => {
    const developer = await as('developer');
    const outcomes = new Set<number>();
    for (let round = 0; round < 12; round += 1) {
      const bytes = randomBytes(4 * MEBIBYTE);
      const other = Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]);
      const fileId = await uploaded(developer, bytes);
      let isOver = false;
      const changing = (async () => {
        for (let turn = round; !isOver; turn += 1) await writeOver(fileId, turn % 2 === 0 ? other : bytes);
      })();
      const { status } = await execute(developer, request(fileId)).finally(() => {
        isOver = true;
      });
      await changing;
      outcomes.add(status);
      const blob = await blobOf(bytes);
      expect(blob && sha256(blob)).toBe(status === 202 ? sha256(bytes) : null);
      expect(await blobOf(other)).toBeNull();
    }
    expect([...outcomes].filter((status) => status !== 202 && status !== 422)).toEqual([]);
  });

  it.each([
    ['never came', null, /nothing was uploaded/],
    ['is other bytes than announced', randomBytes(1000), /other bytes/],
    ['is shorter than announced', randomBytes(10), /other bytes/],
    ['is longer than announced', randomBytes(2000), /other bytes/],
  ] as const)('is refused by name when it %s, and nothing is stored', async (_, other, expected) => {
    const developer = await as('developer');
    const bytes = randomBytes(1000);
    const { file_id: fileId } = await announce(developer, bytes);
    if (other) await writeOver(fileId, other);
    const label = `upload-${randomUUID()}`;
    const answer = await execute(developer, request(fileId, { label }));
    expect(answer.status).toBe(422);
    expect(problemOf(answer)).toMatchObject({
      code: 'validation_failed',
      errors: [{ field: 'body.files[0].file_id', received: expect.stringMatching(expected) }],
    });
    const { body } = await developer.call<{ executions: unknown[] }>('GET', `/api/v1/executions?label=${label}`);
    expect(body.executions).toEqual([]);
    expect(await blobOf(bytes)).toBeNull();
    expect(other && (await blobOf(other))).toBeNull();
  });

  it('is not needed any more to hear of the first execution under its key', async () => {
    const developer = await as('developer');
    const fileId = await uploaded(developer, randomBytes(100));
    const key = { 'idempotency-key': randomUUID() };
    const submit = () => developer.call<ExecutionResult>('POST', '/api/v1/execute', request(fileId), key);
    const { body: first } = await submit();
    await removeObject(`uploads/${fileId}`);
    expect((await submit()).body.execution_id).toBe(first.execution_id);
  });

  it('lies under its own name unless a path is given, and may lie at several', async () => {
    const developer = await as('developer');
    const fileId = await uploaded(developer, Buffer.from('twice'));
    const files = [{ file_id: fileId }, { file_id: fileId, path: 'in/again' }];
    const { body } = await execute(developer, { language: 'bash', code: 'cat data.bin in/again', files });
    await approve(body);
    expect(await finished(body.execution_id)).toMatchObject({ output: 'twicetwice', error: null });
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
  it('takes these bytes, here, now, and nothing else', async () => {
    const bytes = randomBytes(100);
    const other = randomBytes(100);
    const link = await announce(await as('developer'), bytes);
    const url = new URL(link.upload_url);
    expect(url.pathname).toMatch(/\/uploads\/file_[0-9a-f-]+$/);
    expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('content-length;host;x-amz-checksum-sha256');
    expect(Number(url.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(900);

    const send = async (changes: Partial<Link>, body: Uint8Array<ArrayBuffer>) =>
      (await put({ ...link, ...changes }, body)).status;
    const { 'content-length': _, ...unmeasured } = link.headers;
    const checksum = createHash('sha256').update(other).digest('base64');
    expect(await send({}, other)).toBe(400);
    expect(await send({ headers: { ...link.headers, 'x-amz-checksum-sha256': checksum } }, other)).toBe(403);
    expect(await send({ headers: {} }, bytes)).toBe(403);
    expect(await send({ headers: unmeasured }, randomBytes(101))).toBe(403);
    for (const key of [`blobs/${sha256(bytes)}`, `uploads/file_${randomUUID()}`]) {
      const elsewhere = link.upload_url.replace(`uploads/${link.file_id}`, key);
      expect(await send({ upload_url: elsewhere }, bytes)).toBe(403);
    }
    expect(await send({ upload_url: link.upload_url.replace('X-Amz-Expires=900', 'X-Amz-Expires=9000') }, bytes)).toBe(403);
    expect((await fetch(link.upload_url)).status).toBe(403);
    expect(await objectAt(`uploads/${link.file_id}`)).toBeNull();
    expect(await send({}, bytes)).toBe(200);
  });

  it('is for people who may submit code', async () => {
    const answer = await (await as('viewer')).call('POST', '/api/v1/files', { name: 'x', size: 1, sha256: 'a'.repeat(64) });
    expect(answer.status).toBe(403);
  });

  it.each([
    ['a name with a slash', { name: '../x' }, 'body.name'],
    ['a name with a backslash', { name: 'a\\b' }, 'body.name'],
    ['a name with a line end', { name: 'a\nb' }, 'body.name'],
    ['a name that turns its reading round', { name: 'a\u202egpj.exe' }, 'body.name'],
    ['a name too long', { name: 'n'.repeat(256) }, 'body.name'],
    ['no name', { name: '' }, 'body.name'],
    ['a hash in capitals', { sha256: 'A'.repeat(64) }, 'body.sha256'],
    ['half a hash', { sha256: 'a'.repeat(32) }, 'body.sha256'],
    ['a negative size', { size: -1 }, 'body.size'],
    ['half a byte', { size: 0.5 }, 'body.size'],
    ['an unknown field', { key: 'blobs/x' }, 'body.key'],
  ])('is refused with the field for %s', async (_, changes, field) => {
    const body = { name: 'x', size: 1, sha256: 'a'.repeat(64), ...changes };
    const answer = await (await as('developer')).call('POST', '/api/v1/files', body);
    expect(answer.status).toBe(422);
    expect(problemOf(answer).errors?.map((error) => error.field)).toContain(field);
  });
});
