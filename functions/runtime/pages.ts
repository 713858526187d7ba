/** How pages come and go: forms as browsers send them, HTML in place of JSON, and sign-in in place of a refusal. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Problem } from '../contracts/errors.ts';
import { PAGE_HEADERS } from '../core/pages/layout.ts';
import { problemPage } from '../core/pages/problem.ts';
import type { Html } from '../core/text/html.ts';
import { sessionCookieOf } from './cookies.ts';
import { ApiError } from './errors.ts';

const SIGN_IN = '/sign-in';
const TYPE = 'text/html; charset=utf-8';
/** A function may answer with 6 MB, in which some of these bytes are written as two. */
const PAGE_MAX_BYTES = 2.5 * 1024 * 1024;

interface PageAnswer<Status extends number> {
  readonly status: Status;
  readonly body: null;
  readonly headers: Record<string, string>;
  readonly raw: { readonly type: string; readonly text: string };
}

export function pageAnswer<const Status extends number>(status: Status, { html: text }: Html): PageAnswer<Status> {
  if (Buffer.byteLength(text) > PAGE_MAX_BYTES)
    throw new ApiError('payload_too_large', 'This is too much for a page. Read it, and decide, through the API.');
  return { status, body: null, headers: PAGE_HEADERS, raw: { type: TYPE, text } };
}

/** On to another page, by GET, whatever came. */
export const seeOther = (location: string): PageAnswer<303> => ({
  status: 303,
  body: null,
  headers: { ...PAGE_HEADERS, location },
  raw: { type: TYPE, text: '' },
});

/** A form as it came, of the type and size it may have. */
export function formText(event: APIGatewayProxyEventV2, maxBytes: number): string {
  const type = event.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded(\s*;\s*charset=utf-8)?$/i.test(type.trim()))
    throw new ApiError('unsupported_media_type', 'This takes a form: application/x-www-form-urlencoded.');
  const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.byteLength > maxBytes)
    throw new ApiError('payload_too_large', `The form has ${bytes.byteLength} bytes; at most ${maxBytes} are accepted here.`);
  return bytes.toString('utf8');
}

/** The fields of a form. One that came twice is refused: two readers could read two things. */
export function readForm(event: APIGatewayProxyEventV2, maxBytes: number): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(formText(event, maxBytes))) {
    if (Object.hasOwn(fields, name)) {
      const errors = [{ field: `body.${name.slice(0, 64)}`, expected: 'the field once', received: 'it twice' }];
      throw new ApiError('validation_failed', 'A field of the form was given more than once.', { errors });
    }
    // Browsers send line ends of forms as CR LF, whatever was typed.
    fields[name] = value.replaceAll('\r\n', '\n');
  }
  return fields;
}

/** The request with what a page's own form carries in place of a header, and without credentials that are for programs. */
export function asOfPage(event: APIGatewayProxyEventV2): APIGatewayProxyEventV2 {
  const { authorization: _, 'x-api-key': __, 'x-csrf-token': ___, ...headers } = event.headers;
  if (event.requestContext.http.method === 'GET') return { ...event, headers };
  const token = new URLSearchParams(textOf(event)).get('csrf_token');
  return { ...event, headers: { ...headers, ...(token === null ? {} : { 'x-csrf-token': token }) } };
}

const textOf = ({ body, isBase64Encoded }: APIGatewayProxyEventV2): string =>
  Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8').toString('utf8');

/** A refusal that comes with its page: the form as it was filled in, and what is the matter with it. To everybody else it is the same. */
export class PageError extends ApiError {
  readonly page: Html;
  constructor(cause: ApiError, page: Html) {
    const { headers, errors, limit, about } = cause;
    super(cause.code, cause.message, {
      headers: { ...headers },
      ...(errors ? { errors } : {}),
      ...(limit ? { limit } : {}),
      ...(about ? { about } : {}),
      cause,
    });
    this.page = page;
  }
}

/** Somebody who opens a page before signing in has tried nothing. */
export const isJustNotSignedIn = (event: APIGatewayProxyEventV2, { code }: ApiError): boolean =>
  code === 'unauthenticated' && event.rawPath !== SIGN_IN && sessionCookieOf(event) === null;

/** Whoever is not signed in, or no longer, is led to where one signs in, and from there back to the page they wanted. */
export function refusedPage(
  event: APIGatewayProxyEventV2,
  error: ApiError,
  problem: Problem,
): Pick<APIGatewayProxyStructuredResultV2, 'statusCode' | 'body'> & {
  readonly headers: Record<string, string>;
} {
  const { method } = event.requestContext.http;
  if (problem.status === 401 && event.rawPath !== SIGN_IN) {
    // What a form would have done is not done after signing in: its page is shown again.
    const page = method === 'GET' ? event.rawPath : event.rawPath.slice(0, event.rawPath.lastIndexOf('/')) || '/approvals';
    const query = method === 'GET' && event.rawQueryString !== '' ? `?${event.rawQueryString}` : '';
    const { headers } = seeOther(`${SIGN_IN}?return_to=${encodeURIComponent(`${page}${query}`)}`);
    return { statusCode: 303, headers: { ...headers, 'content-type': TYPE }, body: '' };
  }
  return {
    statusCode: problem.status,
    headers: { ...PAGE_HEADERS, 'content-type': TYPE },
    body: (error instanceof PageError ? error.page : problemPage(problem)).html,
  };
}
