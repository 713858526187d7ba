import { closeSync, createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { sha256Hex } from '../../functions/contracts/manifest.ts';
import { cancelRequest, type Refusal, runRequest } from '../../functions/contracts/sandbox-protocol.ts';
import { openGuestFile } from './guest-files.ts';
import { RefusalError } from './refusal.ts';
import type { Run } from './run.ts';
import type { Sandbox } from './sandbox.ts';

export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Base64 takes a third more; the ticket and the frame around them little. */
const MAX_RUN_BODY_BYTES = Math.ceil((MAX_MANIFEST_BYTES * 4) / 3) + 64 * 1024;
const MAX_SMALL_BODY_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 64;

interface Exchange {
  readonly sandbox: Sandbox;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** What the path holds after the route's own part. */
  readonly rest: string;
}

interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly handle: (exchange: Exchange) => Promise<void> | void;
}

const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^\/healthz$/, handle: ({ sandbox, response }) => answer(response, 200, sandbox.health()) },
  { method: 'PUT', path: /^\/files\/([^/]+)$/, handle: putFile },
  { method: 'POST', path: /^\/runs$/, handle: startRun },
  { method: 'GET', path: /^\/runs\/current\/events$/, handle: followEvents },
  { method: 'POST', path: /^\/runs\/current\/cancel$/, handle: cancelRun },
  { method: 'GET', path: /^\/files\/([^/]+)$/, handle: getFile },
];

/** The supervisor's HTTP side (functions/contracts/sandbox-protocol.ts). Nothing that is sent to it ends it. */
export function createSupervisorServer(sandbox: Sandbox, log: (message: string) => void): Server {
  const server = createServer((request, response) => {
    void serve(sandbox, request, response).catch((error: unknown) => refuse(request, response, error, log));
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function serve(sandbox: Sandbox, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.parse(request.url ?? '', 'http://sandbox');
  const route = url && ROUTES.find(({ method, path }) => method === request.method && path.test(url.pathname));
  if (!route) throw new RefusalError('not_found', 'There is nothing here.');
  await route.handle({ sandbox, request, response, url, rest: route.path.exec(url.pathname)?.[1] ?? '' });
}

async function putFile({ sandbox, request, response, rest }: Exchange): Promise<void> {
  const name = sha256Hex.safeParse(rest);
  if (!name.success) throw new RefusalError('bad_request', 'A file is named by the SHA-256 of its bytes.');
  await sandbox.receiveFile(bearerOf(request), name.data, request);
  answer(response, 201, { sha256: name.data });
}

async function startRun({ sandbox, request, response }: Exchange): Promise<void> {
  const body = await readJson(request, runRequest, MAX_RUN_BODY_BYTES);
  const run = await sandbox.accept(body.ticket, Buffer.from(body.manifest_base64, 'base64'));
  await stream(run, response, 0);
}

async function followEvents({ sandbox, request, response, url }: Exchange): Promise<void> {
  const run = sandbox.runOf(bearerOf(request));
  const after = url.searchParams.get('after') ?? '0';
  if (!/^\d{1,15}$/.test(after)) throw new RefusalError('bad_request', '"after" is the number of the last event received.');
  await stream(run, response, Number(after));
}

async function stream(run: Run, response: ServerResponse, after: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  response.flushHeaders();
  await run.events.follow(response, after);
}

async function cancelRun({ sandbox, request, response }: Exchange): Promise<void> {
  const run = sandbox.runOf(bearerOf(request));
  const { reason } = await readJson(request, cancelRequest, MAX_SMALL_BODY_BYTES);
  answer(response, 200, { was_running: await run.cancel(reason) });
}

async function getFile({ sandbox, request, response, rest }: Exchange): Promise<void> {
  const artifact = sandbox.runOf(bearerOf(request)).findArtifact(rest);
  if (!artifact) throw new RefusalError('not_found', 'The run left no file with this id, or has not ended.');
  const descriptor = openGuestFile(artifact.path);
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': artifact.sizeBytes });
  const content = createReadStream('', { fd: descriptor, autoClose: false });
  await pipeline(content, response).finally(() => closeSync(descriptor));
}

function bearerOf(request: IncomingMessage): string {
  const ticket = /^Bearer ([A-Za-z0-9._-]+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (!ticket) throw new RefusalError('ticket_invalid', 'Authorization: Bearer <ticket> is missing.');
  return ticket;
}

async function readJson<T>(request: IncomingMessage, schema: z.ZodType<T>, maxBytes: number): Promise<T> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new RefusalError('bad_request', `The body has at most ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  const parsed = schema.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')));
  if (!parsed.success) throw new RefusalError('bad_request', 'The body is not what this route takes.');
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusalError('bad_request', 'The body is not JSON.');
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown, log: (message: string) => void): void {
  if (!(error instanceof RefusalError)) log(`${request.method} ${request.url?.slice(0, 200)}: ${error}`);
  if (response.headersSent) return void response.destroy();
  // The rest of a refused body is not worth reading.
  response.setHeader('connection', 'close');
  request.resume();
  if (error instanceof RefusalError) {
    const refusal: Refusal = { code: error.code, detail: error.message };
    answer(response, error.httpStatus, refusal);
  } else {
    answer(response, 500, { detail: 'The sandbox could not answer this.' });
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
