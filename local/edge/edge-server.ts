import { Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Transform } from 'node:stream';
import { createProxyServer } from 'http-proxy-3';
import {
  type EdgeConfiguration,
  maxBodyBytes,
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
    if (route.kind === 'api') return forward(request, response, route.target);
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

  function forward(request: IncomingMessage, response: ServerResponse, target: string): void {
    if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) {
      refuse(response, problems.bodyTooLarge);
      return;
    }
    request.headers = upstreamHeaders(request.headers, viewerOf(request), configuration);

    const timer = setTimeout(() => refuse(response, problems.upstreamSlow), upstreamTimeoutSeconds * 1000);
    response.once('close', () => clearTimeout(timer));
    const body = request.headers['transfer-encoding'] === undefined ? undefined : bounded(request, response);
    proxy.web(request, response, { target, ...(body && { buffer: body }) }, (error) => refuse(response, problemFor(error)));
  }

  return server;
}

/** Counts a body that did not say its length, and refuses it when it grows past the bound. */
function bounded(request: IncomingMessage, response: ServerResponse): Transform {
  let received = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      received += chunk.length;
      if (received > maxBodyBytes) {
        refuse(response, problems.bodyTooLarge);
        return;
      }
      pass(null, chunk);
    },
  });
  return request.pipe(counter);
}

/** Answers with a problem once; when the answer has already begun, the connection is cut, so that it cannot look complete. */
function refuse(response: ServerResponse, problem: Problem): void {
  if (response.headersSent) {
    if (!response.writableFinished) response.destroy();
    return;
  }
  const body = JSON.stringify(problem);
  response.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
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
