import { describe, expect, it } from 'vitest';
import { BODY_MAX_BYTES, type RouteContract } from '../../functions/contracts/route.ts';
import { ROUTES_OF_FUNCTION } from '../../functions/contracts/routes.ts';
import { as, problemOf } from '../support/airlock.ts';

const good = { language: 'python', code: 'print(1)' };
const label = `bad-input-${Date.now()}`;

const cases: [name: string, body: unknown, status: number, field: string | null][] = [
  ['an unknown language', { ...good, language: 'cobol' }, 422, 'body.language'],
  ['no code', { language: 'python' }, 422, 'body.code'],
  ['empty code', { ...good, code: '' }, 422, 'body.code'],
  ['code of another type', { ...good, code: 7 }, 422, 'body.code'],
  ['code over the limit', { ...good, code: 'x'.repeat(256 * 1024 + 1) }, 422, 'body.code'],
  ['a field that does not exist', { ...good, privileged: true }, 422, 'body.privileged'],
  ['a body that is no object', [1, 2], 422, 'body'],
  ['a negative timeout', { ...good, timeout_seconds: -1 }, 422, 'body.timeout_seconds'],
  ['an absurd timeout', { ...good, timeout_seconds: 1e9 }, 422, 'body.timeout_seconds'],
  ['more memory than offered', { ...good, resource_limits: { memory: '512GB' } }, 422, 'body.resource_limits.memory'],
  ['memory that is no size', { ...good, resource_limits: { memory: 'lots' } }, 422, 'body.resource_limits.memory'],
  ['no CPU at all', { ...good, resource_limits: { cpu: 0 } }, 422, 'body.resource_limits.cpu'],
  ['a file name that climbs', { ...good, files: [{ path: '../etc/passwd', content: '' }] }, 422, 'body.files[0].path'],
  ['an absolute file name', { ...good, files: [{ path: '/etc/passwd', content: '' }] }, 422, 'body.files[0].path'],
  ['a file name with a NUL', { ...good, files: [{ path: 'a\0b', content: '' }] }, 422, 'body.files[0].path'],
  ['a file name with a backslash', { ...good, files: [{ path: 'a\\b', content: '' }] }, 422, 'body.files[0].path'],
  ['a file over the program itself', { ...good, files: [{ path: 'main.py', content: '' }] }, 422, 'body.files[0].path'],
  [
    'a file that is no base64',
    { ...good, files: [{ path: 'a', content: '***', encoding: 'base64' }] },
    422,
    'body.files[0].content',
  ],
  ['a file with neither content nor an upload', { ...good, files: [{ path: 'a' }] }, 422, 'body.files[0]'],
  ['a file with both', { ...good, files: [{ path: 'a', content: '', file_id: 'file_x' }] }, 422, 'body.files[0].file_id'],
  ['an environment variable that steers the loader', { ...good, env: { LD_PRELOAD: '/x' } }, 422, 'body.env.LD_PRELOAD'],
  ['more context than anybody reads', { ...good, context: { notes: 'x'.repeat(16 * 1024) } }, 422, 'body.context'],
  ['an entrypoint of another language', { ...good, entrypoint: 'main.sh' }, 422, 'body.entrypoint'],
  ['an environment that does not exist', { ...good, environment: 'gpu' }, 422, 'body.environment'],
  ['an environment of another language', { ...good, environment: 'bash' }, 422, 'body.environment'],
  ['a profile that does not exist', { ...good, security_profile: 'root' }, 422, 'body.security_profile'],
  ['a number that loses digits', '{"language":"python","code":"print(1)","input_data":{"n":9007199254740993}}', 422, 'n'],
  ['a key given twice', '{"language":"python","code":"print(1)","code":"print(2)"}', 422, 'code'],
  ['half a surrogate pair', '{"language":"python","code":"\\ud800"}', 422, 'body.code'],
  ['what is not JSON', '{"language":', 400, null],
  ['what is not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400, null],
];

describe('a bad request names field, expectation and what came, and stores nothing', () => {
  it.each(cases)('%s', async (_, body, expectedStatus, field) => {
    const developer = await as('developer');
    const labelled =
      body !== null && typeof body === 'object' && !Array.isArray(body) && !(body instanceof Uint8Array)
        ? { ...body, label }
        : body;
    const answer = await developer.call('POST', '/api/v1/execute', labelled);
    expect(answer.status).toBe(expectedStatus);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const problem = problemOf(answer);
    expect(problem).toMatchObject({ status: expectedStatus, request_id: expect.any(String) });
    if (field !== null) {
      expect(problem.errors?.map((error) => error.field)).toContain(field);
      for (const error of problem.errors ?? []) {
        expect(error.expected.length).toBeGreaterThan(0);
        expect(error.received.length).toBeGreaterThan(0);
      }
    }
    expect(JSON.stringify(problem)).not.toMatch(/\bat .*\.(ts|mjs|js):\d+/);
  });

  it('and nothing of all that was stored', async () => {
    const developer = await as('developer');
    const listed = await developer.call<{ executions: unknown[] }>('GET', `/api/v1/executions?label=${label}`);
    expect(listed.body.executions).toEqual([]);
  });

  it('a body larger than its route takes is 413 with both sizes, on every route that takes one', async () => {
    const admin = await as('admin');
    const id = '01900000-0000-7000-8000-000000000000';
    const ids: Record<string, string> = {
      ...{ execution_id: `exec_${id}`, approval_id: `apr_${id}`, response_id: `rsp_${id}`, user_id: id },
      standing_approval_id: `std_${'0'.repeat(64)}`,
    };
    const taking = (Object.values(ROUTES_OF_FUNCTION).flat() as readonly RouteContract[]).filter(
      ({ body, page, form }) => body && !page && !form,
    );
    expect(taking.length).toBeGreaterThan(15);
    for (const { method, path, bodyMaxBytes = BODY_MAX_BYTES } of taking) {
      const at = path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? name);
      const body = JSON.stringify({ padding: 'x'.repeat(bodyMaxBytes) });
      const answer = await admin.call(method, at, body);
      expect(problemOf(answer), path).toMatchObject({ status: 413, code: 'payload_too_large' });
      expect(problemOf(answer).detail, path).toContain(`${body.length} bytes; at most ${bodyMaxBytes}`);
    }
  });

  it('another content type is 415, an unknown query parameter 422, a bad cursor 422', async () => {
    const developer = await as('developer');
    expect((await developer.call('POST', '/api/v1/execute', 'a=1', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await developer.call('GET', '/api/v1/executions?colour=red')).status).toBe(422);
    expect((await developer.call('GET', '/api/v1/executions?limit=1000')).status).toBe(422);
    expect((await developer.call('GET', '/api/v1/executions?cursor=zzz')).status).toBe(422);
  });

  it('a cursor of another list, or of somebody’s own making, is 422 on every list', async () => {
    const admin = await as('admin');
    const lists = (Object.values(ROUTES_OF_FUNCTION).flat() as readonly RouteContract[]).filter(
      ({ query, path, page }) => query && 'cursor' in query.shape && !page && !path.includes('{'),
    );
    expect(lists.length).toBeGreaterThan(5);
    const made = (key: object) => Buffer.from(JSON.stringify(key)).toString('base64url');
    for (const { path } of lists) {
      for (const cursor of [made({ nobody: 'knows' }), made({ pk: 1, sk: 2 }), made({}), made([]), 'zzz']) {
        const answer = await admin.call('GET', `${path}?cursor=${cursor}`);
        // What fits by chance leads nowhere.
        expect([200, 422], `${path} ${cursor}`).toContain(answer.status);
        if (answer.status === 422) expect(problemOf(answer).errors).toMatchObject([{ field: 'query.cursor' }]);
      }
    }
  });

  it('an unknown path, and a known one with another method, are 404 in the same form', async () => {
    const developer = await as('developer');
    for (const [method, path] of [
      ['GET', '/api/v1/nothing'],
      ['DELETE', '/api/v1/executions'],
    ] as const) {
      const answer = await developer.call(method, path);
      expect(answer.status).toBe(404);
      expect(problemOf(answer)).toMatchObject({ code: 'not_found', status: 404 });
    }
  });

  it('a profile one may not use is 403', async () => {
    const developer = await as('developer');
    expect((await developer.call('POST', '/api/v1/execute', { ...good, security_profile: 'trusted' })).status).toBe(403);
  });
});
