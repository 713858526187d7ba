import { Agent, createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createProxyServer } from 'http-proxy-3';
import pLimit from 'p-limit';
import {
  type EdgeConfiguration,
  isLongPoll,
  maxBodyBytes,
  mostLongPolls,
  mostPassedOn,
  mostWaiting,
  type Problem,
  pathOf,
  problems,
  routeOf,
  upstreamHeaders,
  upstreamTimeoutSeconds,
  webSocketTarget,
} from './edge-rules.ts';

/**
 * One origin for the web app, the HTTP API and the WebSocket API, standing in for CloudFront on this machine.
 * It logs method, path, status and time; never a query, a header or a body.
 */
export function createEdgeServer(configuration: EdgeConfiguration, log: (line: string) => void): Server {
  // Shorter than the emulator keeps an idle connection, so that no request is sent into one that is just being closed.
  const agent = new Agent({ keepAlive: true, timeout: 30_000, scheduling: 'lifo' });
  const proxy = createProxyServer({ agent, ignorePath: true, changeOrigin: true });

  const turns = pLimit(mostPassedOn);
  const polls = pLimit(mostLongPolls);

  // Each request brings its own way to answer a fault. Some come after that, as from a connection that was cut; without a listener they
  // would end this process, and with it everybody's connections.
  proxy.on('error', (error, _request, to) => {
    log(`connection cut: ${error.message}`);
    to?.destroy();
  });

  // Whatever ends the answer, ends the work for it.
  proxy.on('proxyReq', (upstream, _request, response) => response.once('close', () => upstream.destroy()));

  // A function that threw: the emulator passes on its message, API Gateway would not.
  proxy.on('proxyRes', (upstream, _request, response) => {
    const isFault = upstream.statusCode === 502 && !upstream.headers['content-type']?.includes('problem+json');
    if (isFault) refuse(response, problems.upstreamBroke);
  });

  const server = createServer((request, response) => {
    logWhenDone(request, response, log);
    const route = routeOf(request.url ?? '/', configuration);
    if (route.kind === 'api') return void forward(request, response, route.target);
    if (route.kind === 'web' && (request.method === 'GET' || request.method === 'HEAD')) return sayRunning(response);
    return refuse(response, problems.notFound);
  });

  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const target = webSocketTarget(request.url ?? '/', configuration);
    log(`UPGRADE ${pathOf(request.url ?? '/')} ${target === undefined ? 'refused' : 'passed on'}`);
    socket.on('error', () => socket.destroy());
    if (target === undefined) return refuseUpgrade(socket, problems.notFound);
    request.headers = upstreamHeaders(request.headers, viewerOf(request), configuration);
    // The pooled agent is for requests: an upgraded connection never returns to it.
    return proxy.ws(request, socket, head, { target, agent: undefined }, (error) => {
      refuseUpgrade(socket, problemFor(error));
    });
  });

  /** Has the whole of a body before it takes a turn: a client that sends slowly keeps nobody waiting but itself. */
  async function forward(request: IncomingMessage, response: ServerResponse, target: string): Promise<void> {
    const timer = setTimeout(() => refuse(response, problems.upstreamSlow), upstreamTimeoutSeconds * 1000);
    response.once('close', () => clearTimeout(timer));
    const body = await bodyOf(request);
    if (body === 'cut off') return;
    if (body === 'too long') return refuse(response, problems.bodyTooLarge);
    const isPoll = isLongPoll(request);
    const isFull = isPoll ? polls.activeCount >= mostLongPolls : turns.pendingCount >= mostWaiting;
    if (isFull) return refuse(response, problems.overloaded, { 'retry-after': '1' });
    return (isPoll ? polls : turns)(() => passOn(request, response, target, body));
  }

  /** Done when the answer is, or when there is nobody left to answer. */
  function passOn(request: IncomingMessage, response: ServerResponse, target: string, body: Buffer): Promise<void> {
    return new Promise((done) => {
      if (response.closed || response.headersSent) return done();
      response.once('close', done);
      request.headers = upstreamHeaders(request.headers, viewerOf(request), configuration);
      proxy.web(request, response, { target, buffer: Readable.from([body]) }, (error) => refuse(response, problemFor(error)));
    });
  }

  return server;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | 'too long' | 'cut off'> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return 'too long';
  const chunks: Buffer[] = [];
  let received = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > maxBodyBytes) return 'too long';
      chunks.push(chunk);
    }
  } catch {
    return 'cut off';
  }
  return Buffer.concat(chunks);
}

/** Answers with a problem once; when the answer has already begun, the connection is cut, so that it cannot look complete. */
function refuse(response: ServerResponse, problem: Problem, headers: OutgoingHttpHeaders = {}): void {
  if (response.headersSent) {
    if (!response.writableFinished) response.destroy();
    return;
  }
  const body = JSON.stringify(problem);
  response.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
    // What the client still sends of a refused body must not be read as its next request.
    ...(response.req.complete ? {} : { connection: 'close' }),
  });
  response.end(body);
}

function refuseUpgrade(socket: Socket, problem: Problem): void {
  if (!socket.writable) return;
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function sayRunning(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(
    'Airlock is running. Requests wait under /approvals; the API is under /api/v1. The README shows a first session.\n',
  );
}

const problemFor = (error: Error): Problem =>
  'code' in error && error.code === 'ECONNREFUSED' ? problems.upstreamDown : problems.upstreamBroke;

const viewerOf = ({ socket }: IncomingMessage) => ({ address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 });

function logWhenDone(request: IncomingMessage, response: ServerResponse, log: (line: string) => void): void {
  const startedAt = performance.now();
  response.once('close', () => {
    const status = response.writableFinished ? response.statusCode : 'cut off';
    log(`${request.method} ${pathOf(request.url ?? '/')} ${status} ${(performance.now() - startedAt).toFixed(1)} ms`);
  });
}
