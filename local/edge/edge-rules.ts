import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** What the edge knows about the deployed APIs. */
export interface EdgeConfiguration {
  readonly port: number;
  readonly emulatorUrl: string;
  readonly frontDoorSecret: string;
  readonly httpApiId: string;
  readonly webSocketApiId: string;
  readonly webSocketStage: string;
}

export interface Viewer {
  readonly address: string;
  readonly port: number;
}

/** Bounds that API Gateway sets on AWS and the emulator does not. */
export const maxBodyBytes = 10 * 1024 * 1024;
export const upstreamTimeoutSeconds = 30;

/**
 * How many requests the emulator has at once, and how many more may wait for their turn. It is one process that runs a process of its own
 * for every call of a function that is going on: with 4 to 8 of them it answers the most in a second, with 32 a fifth less, and a flood let
 * through would have it start hundreds. What is more than may wait is told to come again, as API Gateway does when Lambda has no room.
 */
export const mostPassedOn = 8;
export const mostWaiting = 256;
/** Requests that wait on purpose work little, but each has a process of its own all the while. */
export const mostLongPolls = 64;

const frontDoorHeader = 'x-airlock-front-door';
const clientAddressHeader = 'x-airlock-client-address';
const publicOriginHeader = 'x-airlock-public-origin';

/** Headers that only the front door may set; a client's own copies never get through. */
const isReserved = (name: string): boolean =>
  name.startsWith('x-airlock-') ||
  name.startsWith('cloudfront-') ||
  name.startsWith('x-forwarded-') ||
  name === 'forwarded' ||
  name === 'x-real-ip';

/** The headers that go upstream for what a client sent: as CloudFront would send them. */
export function upstreamHeaders(
  sent: IncomingHttpHeaders,
  viewer: Viewer,
  configuration: EdgeConfiguration,
): IncomingHttpHeaders {
  const passed = Object.entries(sent).filter(([name]) => !isReserved(name.toLowerCase()));
  // An IPv4 client of a dual socket shows up as an IPv6 address.
  const address = viewer.address.replace(/^::ffff:/, '');
  return {
    ...Object.fromEntries(passed),
    [frontDoorHeader]: configuration.frontDoorSecret,
    [clientAddressHeader]: address,
    [publicOriginHeader]: `http://${sent.host ?? ''}`,
    'x-forwarded-for': address,
  };
}

export type Route = { readonly kind: 'api'; readonly target: string } | { readonly kind: 'web' } | { readonly kind: 'unknown' };

/**
 * Where a request goes. The path is passed on byte for byte, so that the API sees what the client sent; one that an upstream could
 * read as climbing out of the API, into the emulator's own routes, goes nowhere.
 */
export function routeOf(requestTarget: string, { emulatorUrl, httpApiId }: EdgeConfiguration): Route {
  const path = pathOf(requestTarget);
  if (hasDotSegment(path)) return { kind: 'unknown' };
  if (['/api', '/approvals', '/sign-in', '/sign-out'].some((part) => path === part || path.startsWith(`${part}/`))) {
    return { kind: 'api', target: `${emulatorUrl}/_aws/execute-api/${httpApiId}/$default${requestTarget}` };
  }
  return path === '/' ? { kind: 'web' } : { kind: 'unknown' };
}

const hasDotSegment = (path: string): boolean =>
  path
    .replace(/%2e/gi, '.')
    .split(/[/\\]|%2f|%5c/i)
    .some((segment) => segment === '.' || segment === '..');

/**
 * WebSocket APIs have no paths: the client id moves from the path into the query, over any that the client put there.
 * `undefined` for every other path.
 */
export function webSocketTarget(requestTarget: string, configuration: EdgeConfiguration): string | undefined {
  const match = /^\/api\/v1\/ws\/([A-Za-z0-9._~-]{1,128})$/.exec(pathOf(requestTarget));
  const clientId = match?.[1];
  if (clientId === undefined) return undefined;
  const query = new URLSearchParams(requestTarget.slice(pathOf(requestTarget).length));
  query.set('client_id', clientId);
  const { emulatorUrl, webSocketApiId, webSocketStage } = configuration;
  return `${emulatorUrl}/_aws/execute-api/${webSocketApiId}/${webSocketStage}?${query}`;
}

/** A request that waits on purpose, and does nothing meanwhile: it takes nobody's turn. */
export function isLongPoll({ method, url = '/', headers }: Pick<IncomingMessage, 'method' | 'url' | 'headers'>): boolean {
  const path = pathOf(url);
  if (method === 'POST' && path === '/api/v1/execute') return /\bwait\b/i.test(String(headers.prefer ?? ''));
  const isEvents = method === 'GET' && /^\/api\/v1\/executions\/[^/]+\/events$/.test(path);
  return isEvents && Number(new URLSearchParams(url.slice(path.length)).get('wait') ?? 0) > 0;
}

/** The path without its query, which may hold a ticket: the only part of a request's target that may be logged. */
export const pathOf = (requestTarget: string): string => requestTarget.split('?', 1)[0] ?? '';

export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}

const problem = (status: number, title: string, code: string, detail: string): Problem => ({
  type: 'about:blank',
  title,
  status,
  detail,
  code,
});

export const problems = {
  notFound: problem(404, 'Not Found', 'not_found', 'Nothing is served under this path.'),
  bodyTooLarge: problem(413, 'Content Too Large', 'body_too_large', `A request body may have at most ${maxBodyBytes} bytes.`),
  upstreamBroke: problem(502, 'Bad Gateway', 'upstream_failed', 'The API failed, or ended the connection before it answered.'),
  upstreamDown: problem(
    503,
    'Service Unavailable',
    'upstream_unavailable',
    'The API is not running. See: npm run local -- status',
  ),
  overloaded: problem(
    503,
    'Service Unavailable',
    'overloaded',
    'More requests came than can be answered. Come again in a second.',
  ),
  upstreamSlow: problem(504, 'Gateway Timeout', 'upstream_timeout', `The API did not answer within ${upstreamTimeoutSeconds} s.`),
} as const satisfies Record<string, Problem>;
