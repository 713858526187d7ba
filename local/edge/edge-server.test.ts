import { createServer, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { maxBodyBytes, mostLongPolls, mostPassedOn, mostWaiting } from './edge-rules.ts';
import { createEdgeServer } from './edge-server.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

it('an answer of the API comes through with its status, its headers and its body', async () => {
  const edge = await edgeBefore((_request, response) => response.writeHead(201, { 'x-own': 'yes' }).end('made'));
  const answer = await send(edge, '/api/v1/things', 'POST', ['body']);
  expect(answer).toMatchObject({ status: 201, body: 'made', headers: { 'x-own': 'yes' } });
});

it('a body that says it is too long is refused before the API sees it', async () => {
  let isReached = false;
  const edge = await edgeBefore((_request, response) => {
    isReached = true;
    response.end();
  });
  const answer = await send(edge, '/api/v1/things', 'POST', [], { 'content-length': String(maxBodyBytes + 1) });
  expect(answer.status).toBe(413);
  expect(isReached).toBe(false);
});

it('a body that does not say its length is refused when it passes the bound', async () => {
  const edge = await edgeBefore((incoming, response) => incoming.resume().on('end', () => response.end()));
  const chunk = 'x'.repeat(1024 * 1024);
  const answer = await send(edge, '/api/v1/things', 'POST', Array<string>(11).fill(chunk));
  expect(answer).toMatchObject({ status: 413, headers: { 'content-type': 'application/problem+json' } });
  expect(JSON.parse(answer.body)).toMatchObject({ status: 413, code: 'body_too_large' });
});

it('what a broken function says about itself is not shown', async () => {
  const edge = await edgeBefore((_request, response) =>
    response.writeHead(502, { 'content-type': 'application/json' }).end('{"errorMessage":"secret detail"}'),
  );
  const answer = await send(edge, '/api/v1/things');
  expect(answer.status).toBe(502);
  expect(answer.body).not.toContain('secret detail');
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'upstream_failed' });
});

it('without an API the answer is a problem that says so', async () => {
  const edge = await edgeTo('http://127.0.0.1:9');
  const answer = await send(edge, '/api/v1/things');
  expect(answer.status).toBe(503);
  expect(JSON.parse(answer.body)).toMatchObject({ title: 'Service Unavailable', code: 'upstream_unavailable' });
});

it('only so many are passed on at once, and the others have their turn', async () => {
  const held: (() => void)[] = [];
  const edge = await edgeBefore((_request, response) => held.push(() => response.end('done')));
  const answers = Array.from({ length: mostPassedOn + 3 }, () => send(edge, '/api/v1/things'));
  await vi.waitFor(() => expect(held).toHaveLength(mostPassedOn));
  for (const finish of held.splice(0, 3)) finish();
  await vi.waitFor(() => expect(held).toHaveLength(mostPassedOn));
  for (const finish of held) finish();
  expect((await Promise.all(answers)).map(({ status, body }) => `${status} ${body}`)).toEqual(answers.map(() => '200 done'));
});

it('a flood is told to come again, and those who wait on purpose or send slowly take nobody’s turn', async () => {
  const reached: string[] = [];
  const edge = await edgeBefore((incoming, response) => {
    reached.push(incoming.url?.slice(incoming.url.indexOf('/api')) ?? '');
    if (incoming.url?.endsWith('/quick')) response.end();
  });
  const slow = request({
    port: edge,
    host: '127.0.0.1',
    path: '/api/v1/slow',
    method: 'POST',
    headers: { 'content-length': '9' },
  });
  slow.on('error', () => undefined).write('half');
  const flood = Array.from({ length: mostPassedOn - 1 }, () => send(edge, '/api/v1/things').catch(() => null));
  for (let polls = 0; polls < mostLongPolls; polls += 1)
    void send(edge, '/api/v1/executions/one/events?wait=20').catch(() => null);
  await vi.waitFor(() => expect(reached).toHaveLength(mostLongPolls + mostPassedOn - 1));
  expect(await send(edge, '/api/v1/executions/one/events?wait=20')).toMatchObject({ status: 503 });
  // One turn is left: had a poll or the slow sender taken it, this would wait for ever.
  expect((await send(edge, '/api/v1/quick')).status).toBe(200);

  for (let more = 0; more < mostWaiting + 1; more += 1) flood.push(send(edge, '/api/v1/things').catch(() => null));
  const refused = await Promise.race(flood.concat(send(edge, '/api/v1/things')));
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(JSON.parse(refused?.body ?? '')).toMatchObject({ code: 'overloaded' });
});

it('who went away while it waited is not passed on', async () => {
  const reached: string[] = [];
  const held: (() => void)[] = [];
  const lines: string[] = [];
  const api = createServer((incoming, response) => {
    reached.push(incoming.url ?? '');
    held.push(() => response.end());
  });
  const edge = await edgeTo(`http://127.0.0.1:${await listen(api)}`, (line) => lines.push(line));
  const first = Array.from({ length: mostPassedOn }, () => send(edge, '/api/v1/things'));
  await vi.waitFor(() => expect(held).toHaveLength(mostPassedOn));
  const gone = request({ port: edge, host: '127.0.0.1', path: '/api/v1/gone' });
  gone.on('error', () => undefined).end();
  await new Promise((sent) => gone.once('finish', sent));
  const last = send(edge, '/api/v1/last');
  gone.destroy();
  await vi.waitFor(() => expect(lines.join('\n')).toContain('/gone cut off'));
  for (const finish of held.splice(0)) finish();
  await Promise.all(first);
  await vi.waitFor(() => expect(reached.at(-1)).toContain('/last'));
  for (const finish of held) finish();
  await last;
  expect(reached.join()).not.toContain('/gone');
});

it('a ticket in a query is not logged', async () => {
  const lines: string[] = [];
  const edge = await edgeTo('http://127.0.0.1:9', (line) => lines.push(line));
  await send(edge, '/api/v1/things?ticket=secret');
  expect(lines.join('\n')).toContain('/api/v1/things');
  expect(lines.join('\n')).not.toContain('secret');
});

async function edgeBefore(api: RequestListener): Promise<number> {
  return edgeTo(`http://127.0.0.1:${await listen(createServer(api))}`);
}

function edgeTo(emulatorUrl: string, log: (line: string) => void = () => undefined): Promise<number> {
  const ids = { httpApiId: 'a', webSocketApiId: 'w', webSocketStage: 'live' };
  return listen(createEdgeServer({ port: 0, emulatorUrl, frontDoorSecret: 's', ...ids }, log));
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Sends the pieces as they are, without working out a length: `fetch` would. */
function send(port: number, path: string, method = 'GET', pieces: readonly string[] = [], headers = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', path, method, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    // A refused body is cut off while it is still being sent; the answer counts, if there was one.
    outgoing.on('error', reject);
    for (const piece of pieces) outgoing.write(piece);
    if ('content-length' in headers) outgoing.flushHeaders();
    else outgoing.end();
  });
}
