/**
 * The wrapper of every API function, in the order that holds everywhere: request id, front door, blocks of the address, authentication,
 * suspensions, limits of address and caller, permission, parsing, handler, response schema. What a route is comes from its contract alone.
 */
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { z } from 'zod';
import { BODY_MAX_BYTES, type RouteContract } from '../contracts/route.ts';
import { refresh } from '../contracts/routes/auth.ts';
import { renewPageSession } from '../contracts/routes/page-session.ts';
import type { Actor } from '../core/identity/actor.ts';
import { authorize } from '../core/identity/authorize.ts';
import { keyNetworkOf } from '../core/identity/key-networks.ts';
import { networkOf } from '../core/limits/buckets.ts';
import type { SecurityEventDraft } from '../core/security/events.ts';
import { AmbiguousJson, parseUnambiguousJson } from '../core/text/json.ts';
import { type Authenticate, type Authenticated, authentication } from './authentication.ts';
import { ApiError, fieldErrorsOf, problemOf } from './errors.ts';
import { isThroughFrontDoor } from './front-door.ts';
import { log } from './log.ts';
import { asOfPage, formText, isJustNotSignedIn, readForm, refusedPage } from './pages.ts';
import { type CountingSettings, type RequestLimits, requestLimits } from './rate-limits.ts';
import { type Visits, visitsBy } from './visits.ts';
import { type Arrival, isSignedInAdmin, type Watch, watchOver } from './watch.ts';

type ParsedBy<S> = S extends z.ZodType ? z.output<S> : undefined;

export interface ApiRequest<R extends RouteContract> {
  readonly actor: R['permission'] extends 'public' ? null : Actor;
  readonly params: ParsedBy<R['params']>;
  readonly query: ParsedBy<R['query']>;
  readonly body: ParsedBy<R['body']>;
  readonly headers: Record<string, string | undefined>;
  readonly cookies?: readonly string[] | undefined;
  readonly requestId: string;
  /** As the front door saw it. */
  readonly clientAddress: string;
}

export type ApiAnswer<R extends RouteContract> = {
  [S in keyof R['responses']]: {
    status: S;
    body: z.input<R['responses'][S] & z.ZodType>;
    headers?: Record<string, string>;
    /** Whole values of Set-Cookie. */
    cookies?: readonly string[];
    /** The same in another form, sent in place of JSON. */
    raw?: RawContent;
  };
}[keyof R['responses']];

interface RawContent {
  readonly type: string;
  readonly text: string;
}

type Handle<R extends RouteContract> = (request: ApiRequest<R>) => Promise<ApiAnswer<R>>;

/** A contract with the function that answers it. */
export interface Route {
  readonly contract: RouteContract;
  readonly handle: (request: ApiRequest<RouteContract>) => Promise<{
    status: PropertyKey;
    body: unknown;
    headers?: Record<string, string>;
    cookies?: readonly string[];
    raw?: RawContent;
  }>;
}

export const route = <R extends RouteContract>(contract: R, handle: Handle<R>): Route => ({
  contract,
  handle: handle as unknown as Route['handle'],
});

export const ok = <B>(body: B): { status: 200; body: B } => ({ status: 200, body });

interface IdentitySettings {
  readonly FRONT_DOOR_SECRET: string;
  readonly IDENTITY_TABLE: string;
  readonly EPHEMERA_TABLE: string;
  readonly USER_POOL_ID: string;
  readonly USER_POOL_CLIENT_ID: string;
}

type Settings = IdentitySettings & CountingSettings & { readonly SECURITY_TABLE: string };

export function apiHandler(settings: Settings, routes: readonly Route[]) {
  const byKey = new Map(routes.map((entry) => [`${entry.contract.method} ${entry.contract.path}`, entry]));
  const authenticate = authentication(settings);
  const visits = visitsBy(settings);
  const watch = watchOver(settings);
  const limits = requestLimits(settings, () => watch.noticed(DEGRADED));
  const callers = new WeakMap<APIGatewayProxyEventV2, Actor>();

  return middy()
    .use(
      answerErrors(
        limits,
        (event) => byKey.get(event.routeKey)?.contract,
        (event, refusal) => watch.refused(event, byKey.get(event.routeKey)?.contract, callers.get(event) ?? null, refusal),
        watch.write,
      ),
    )
    .use(throughFrontDoor(settings.FRONT_DOOR_SECRET))
    .handler(async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
      const startedAt = performance.now();
      const found = byKey.get(event.routeKey);
      // A flood from one address must not become as many reads.
      limits.recall(event, found?.contract);
      const arrival = await watch.arrive(event.headers['x-airlock-client-address'] ?? '');
      if (arrival.blocked && !mayBeAnAdmins(found?.contract)) throw arrival.blocked;
      if (!found) {
        await limits.count(event, undefined, arrival.weight, null);
        throw new ApiError('not_found', 'There is no such resource.');
      }
      const { actor, answer, headers } = await serve(found, event, arrival, { authenticate, visits, limits, watch, callers });
      log.info('answered', {
        request_id: event.requestContext.requestId,
        route: found.contract.id,
        status: Number(answer.status),
        user_id: actor?.user_id,
        key_id: actor?.credential.kind === 'api_key' ? actor.credential.key_id : undefined,
        duration_ms: Math.round(performance.now() - startedAt),
      });
      const body = schemaOf(found.contract, answer.status).parse(answer.body);
      await watch.write();
      const sent = { ...limits.headersOf(event), ...headers, ...answer.headers, 'x-request-id': event.requestContext.requestId };
      const cookies = answer.cookies ? { cookies: [...answer.cookies] } : {};
      const { raw } = answer;
      if (!raw) return { ...jsonAnswer(Number(answer.status), body, sent), ...cookies };
      return { ...jsonAnswer(Number(answer.status), null, { ...sent, 'content-type': raw.type }), body: raw.text, ...cookies };
    });
}

const DEGRADED = {
  event_type: 'limiter_degraded' as const,
  severity: 'medium' as const,
  source_ip: 'unknown',
  user_id: null,
  key_id: null,
  endpoint: 'rate limits',
  details: {},
};

interface Guards {
  readonly authenticate: Authenticate;
  readonly visits: Visits;
  readonly limits: RequestLimits;
  readonly watch: Watch;
  readonly callers: WeakMap<APIGatewayProxyEventV2, Actor>;
}

/** A false alarm must not lock out the one who could take it back: from a blocked address an admin's session goes on. */
const mayBeAnAdmins = (contract: RouteContract | undefined): boolean =>
  contract !== undefined && (contract.permission !== 'public' || GOING_ON.has(contract.id));
const GOING_ON: ReadonlySet<string> = new Set([refresh.id, renewPageSession.id]);

/** Everybody else hears the same there, whatever they show. */
async function adminOr(blocked: ApiError, coming: Promise<Authenticated>): Promise<Authenticated> {
  const caller = await coming.catch(() => null);
  await caller?.noted;
  if (!caller || !isSignedInAdmin(caller.actor)) throw blocked;
  return caller;
}

async function serve(found: Route, event: APIGatewayProxyEventV2, { weight: arrival, blocked }: Arrival, guards: Guards) {
  const { contract } = found;
  const { limits, watch, callers } = guards;
  const clientAddress = event.headers['x-airlock-client-address'] ?? '';
  // Who shows nobody, or is not let in, counts as well, for the address alone.
  const orCounted = <T>(work: Promise<T>): Promise<T> =>
    work.catch(async (error: unknown) => {
      await limits.count(event, contract, arrival, null);
      throw error;
    });
  const coming = contract.permission === 'public' ? null : callerOf(contract, event, clientAddress, guards);
  const caller = coming && (await orCounted(blocked ? adminOr(blocked, coming) : coming));
  try {
    const actor = caller?.actor ?? null;
    if (actor) callers.set(event, actor);
    const weight = actor ? await orCounted(watch.admit(actor, clientAddress)) : 1;
    await limits.count(event, contract, arrival, actor && { actor, weight });
    const answer = await answerTo(found, event, actor, clientAddress);
    return { actor, answer, headers: caller?.headers ?? {} };
  } finally {
    if (caller && (await caller.noted) === 'new_network') watch.noticed(newNetworkOf(caller.actor, clientAddress));
  }
}

async function callerOf(
  contract: RouteContract,
  event: APIGatewayProxyEventV2,
  clientAddress: string,
  { authenticate, visits }: Guards,
): Promise<Authenticated> {
  const request = contract.page ? asOfPage(event) : event;
  try {
    return await authenticate(request, clientAddress);
  } catch (error) {
    const isNobody = error instanceof ApiError && error.code === 'unauthenticated';
    const actor = contract.byLink && isNobody ? await visits(request) : null;
    if (!actor) throw error;
    return { actor, headers: {}, noted: Promise.resolve('noted') };
  }
}

const newNetworkOf = ({ user_id, credential }: Actor, clientAddress: string): SecurityEventDraft => ({
  event_type: 'key_new_network',
  severity: 'medium',
  source_ip: networkOf(clientAddress),
  user_id,
  key_id: credential.kind === 'api_key' ? credential.key_id : null,
  endpoint: 'any',
  details: { network: keyNetworkOf(clientAddress) },
});

async function answerTo(found: Route, event: APIGatewayProxyEventV2, actor: Actor | null, clientAddress: string) {
  const { contract } = found;
  if (
    actor &&
    contract.permission !== 'signed_in' &&
    contract.permission !== 'public' &&
    !authorize(actor, contract.permission)
  ) {
    throw new ApiError('forbidden', `This needs the permission ${contract.permission}.`);
  }
  const request = {
    actor,
    params: parsePart('path', contract.params, event.pathParameters ?? {}),
    query: parsePart('query', contract.query ?? z.strictObject({}), queryOf(event)),
    body: contract.body ? parsePart('body', contract.body, bodyOf(event, contract)) : undefined,
    headers: event.headers,
    cookies: event.cookies,
    requestId: event.requestContext.requestId,
    clientAddress,
  };
  return await found.handle(request as unknown as ApiRequest<RouteContract>);
}

function parsePart(place: 'body' | 'query' | 'path', schema: z.ZodType | undefined, value: unknown): unknown {
  if (!schema) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  // An id that cannot exist is answered like one that does not.
  if (place === 'path') throw new ApiError('not_found', 'There is no such resource, or it is not yours.');
  const errors = fieldErrorsOf(place, parsed.error.issues, value);
  throw new ApiError('validation_failed', `${errors.length} field${errors.length === 1 ? ' is' : 's are'} not as expected.`, {
    errors,
  });
}

/** API Gateway joins repeated parameters with commas, so what came is read from the raw text. */
function queryOf(event: APIGatewayProxyEventV2): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(event.rawQueryString)) {
    if (name in query) {
      const errors = [{ field: `query.${name}`, expected: 'the parameter once', received: 'it twice' }];
      throw new ApiError('validation_failed', 'A query parameter was given more than once.', { errors });
    }
    query[name] = value;
  }
  return query;
}

function bodyOf(event: APIGatewayProxyEventV2, { page, form, bodyMaxBytes = BODY_MAX_BYTES }: RouteContract): unknown {
  if (form === 'as_it_came') return formText(event, bodyMaxBytes);
  return page ? readForm(event, bodyMaxBytes) : readBody(event, bodyMaxBytes);
}

function readBody(event: APIGatewayProxyEventV2, maxBytes: number): unknown {
  const type = event.headers['content-type'] ?? '';
  if (!/^application\/json(\s*;\s*charset=utf-8)?$/i.test(type.trim())) {
    throw new ApiError(
      'unsupported_media_type',
      `Send the body as application/json; it came as ${type === '' ? 'nothing' : JSON.stringify(type.slice(0, 60))}.`,
    );
  }
  const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.byteLength > maxBytes) {
    throw new ApiError('payload_too_large', `The body has ${bytes.byteLength} bytes; at most ${maxBytes} are accepted here.`);
  }
  if (isDamagedText(event)) throw new ApiError('malformed_request', 'The body is not UTF-8.');
  try {
    return parseUnambiguousJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof AmbiguousJson) {
      const errors = [{ field: error.path, expected: error.expected, received: error.received.slice(0, 80) }];
      throw new ApiError('validation_failed', 'The body could be read in two ways.', { errors });
    }
    if (error instanceof SyntaxError) throw new ApiError('malformed_request', 'The body is not JSON.');
    if (error instanceof TypeError) throw new ApiError('malformed_request', 'The body is not UTF-8.');
    throw error;
  }
}

/**
 * The gateway hands text over as text, with U+FFFD in place of bytes that are not UTF-8: then the length is no longer the one that was
 * sent. Without a length to compare, such a body is refused.
 */
const isDamagedText = (event: APIGatewayProxyEventV2): boolean =>
  !event.isBase64Encoded &&
  (event.body ?? '').includes('\uFFFD') &&
  event.headers['content-length'] !== String(Buffer.byteLength(event.body ?? ''));

const schemaOf = (contract: RouteContract, status: PropertyKey): z.ZodType => {
  const schema = contract.responses[Number(status)];
  if (!schema) throw new Error(`route ${contract.id} declares no answer ${String(status)}`);
  return schema;
};

/**
 * What a browser may do with an answer: nothing. There is no header of CORS in any answer, so pages of other origins read none of them.
 * The front door says the same, for what does not come from here.
 */
const BROWSER_RULES = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
};

const jsonAnswer = (statusCode: number, body: unknown, headers: Record<string, string>): APIGatewayProxyStructuredResultV2 => ({
  statusCode,
  headers: {
    'content-type': statusCode >= 400 ? 'application/problem+json' : 'application/json',
    'cache-control': 'no-store',
    ...BROWSER_RULES,
    ...headers,
  },
  body: JSON.stringify(body),
});

function throughFrontDoor(secret: string): middy.MiddlewareObj<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> {
  return {
    before: ({ event }) => {
      if (!isThroughFrontDoor(event.headers, secret)) throw new ApiError('not_through_front_door', 'Use the public address.');
    },
  };
}

function answerErrors(
  limits: RequestLimits,
  contractOf: (event: APIGatewayProxyEventV2) => RouteContract | undefined,
  noteRefusal: (event: APIGatewayProxyEventV2, refusal: ApiError) => void,
  writeEvents: () => Promise<void>,
): middy.MiddlewareObj<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> {
  return {
    onError: async (request) => {
      const { event, error } = request;
      const requestId = event.requestContext.requestId;
      const known = error instanceof ApiError ? error : new ApiError('internal_error', `Tell us this request id: ${requestId}`);
      if (known === error) log.info('refused', { request_id: requestId, route: event.routeKey, code: known.code });
      else log.error('failed', error, { request_id: requestId, route: event.routeKey });
      const isPage = contractOf(event)?.page === true;
      if (!(isPage && isJustNotSignedIn(event, known))) noteRefusal(event, known);
      await writeEvents();
      const problem = problemOf(known, requestId);
      const page = isPage ? refusedPage(event, known, problem) : null;
      const answer = jsonAnswer(page?.statusCode ?? problem.status, problem, {
        ...limits.headersOf(event),
        ...known.headers,
        'x-request-id': requestId,
        ...page?.headers,
      });
      request.response = page ? { ...answer, body: page.body ?? '' } : answer;
    },
  };
}
