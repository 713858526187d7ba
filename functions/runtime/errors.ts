import type { z } from 'zod';
import { API_ERRORS, type ApiErrorCode, type FieldError, type Problem } from '../contracts/errors.ts';
import type { SecurityEventType, Severity } from '../contracts/security-event.ts';

/** Whom a refusal is about, for the watch over security alone: the caller is told nothing of it. */
export interface RefusedSubject {
  readonly event_type?: SecurityEventType | undefined;
  readonly severity?: Severity | undefined;
  readonly user_id?: string | undefined;
  /** An e-mail address; it is kept as a digest. */
  readonly account?: string | undefined;
}

/** A refusal with an answer for the caller; everything else that is thrown leaves as a bare 500. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly limit: Problem['limit'];
  readonly about: RefusedSubject | undefined;
  constructor(
    code: ApiErrorCode,
    detail: string,
    more: {
      errors?: readonly FieldError[];
      headers?: Record<string, string>;
      limit?: Problem['limit'];
      about?: RefusedSubject;
      cause?: unknown;
    } = {},
  ) {
    super(detail, { cause: more.cause });
    this.code = code;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
    this.limit = more.limit;
    this.about = more.about;
  }
}

export function problemOf(error: ApiError, requestId: string): Problem {
  const { status, title } = API_ERRORS[error.code];
  return {
    type: `urn:airlock:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    request_id: requestId,
    ...(error.errors ? { errors: [...error.errors] } : {}),
    ...(error.limit ? { limit: error.limit } : {}),
  };
}

/** What zod found, as field, expectation and what came. `value` is the parsed input the issues speak of. */
export function fieldErrorsOf(
  place: 'body' | 'query' | 'path',
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
): FieldError[] {
  return issues.flatMap((issue): FieldError[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        field: fieldName(place, [...issue.path, key]),
        expected: 'no such field',
        received: printable(valueAt(value, [...issue.path, key])),
      }));
    }
    if (issue.code === 'invalid_key' || issue.code === 'invalid_union' || issue.code === 'invalid_element') {
      const inner = issue.code === 'invalid_union' ? issue.errors.flat() : issue.issues;
      const expected = [...new Set(inner.map(expectationOf))].join(' or ');
      return [
        {
          field: fieldName(place, issue.path),
          expected: expected || issue.message,
          received: printable(valueAt(value, issue.path)),
        },
      ];
    }
    return [
      { field: fieldName(place, issue.path), expected: expectationOf(issue), received: printable(valueAt(value, issue.path)) },
    ];
  });
}

function expectationOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected;
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `at most ${issue.maximum}${unitOf(issue.origin)}`;
    case 'too_small':
      return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf(issue.origin)}`;
    default:
      return issue.message.replace(/^(expected|Invalid input:? expected) /i, '');
  }
}

const UNITS: Record<string, string> = { string: ' characters', array: ' items', set: ' items', map: ' entries', file: ' bytes' };
const unitOf = (origin: string): string => UNITS[origin] ?? '';

const fieldName = (place: string, path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (name, key) => (typeof key === 'number' ? `${name}[${key}]` : `${name}.${printable(key, 64).replace(/^"|"$/g, '')}`),
    place,
  );

/** Fields whose content may be a secret are told by their size alone. */
const CONFIDENTIAL = ['env', 'password', 'new_password', 'challenge_id', 'csrf_token', 'nonce', 'refresh_token'];
const isConfidential = (key: PropertyKey): boolean => CONFIDENTIAL.includes(String(key));

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown => {
  const found = contentAt(value, path);
  return path.some(isConfidential) && typeof found === 'string' ? new Hidden(found.length) : found;
};

class Hidden {
  readonly length: number;
  constructor(length: number) {
    this.length = length;
  }
}

const contentAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((at, key) => (at !== null && typeof at === 'object' ? Reflect.get(at, key) : undefined), value);

/** What came, short and without characters that would steer a terminal or a page. */
function printable(value: unknown, maxLength = 80): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Hidden) return `${value.length} characters`;
  const text =
    typeof value === 'string'
      ? JSON.stringify(value)
      : typeof value === 'object'
        ? JSON.stringify(value, withoutSecrets)
        : String(value);
  const clean = text.replace(/[^\x20-\x7e]/g, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return clean.length > maxLength ? `${clean.slice(0, maxLength)}… (${clean.length} characters)` : clean;
}

/** Also of a whole body that fits none of several forms. */
const withoutSecrets = (key: string, value: unknown): unknown => (isConfidential(key) ? 'not shown' : value);

/** For the `catch` of a list: a cursor that is none of ours is the caller's mistake. */
export function refuseCursor(error: unknown): never {
  if (!(error instanceof Error) || error.name !== 'CursorInvalid') throw error;
  const errors = [{ field: 'query.cursor', expected: 'a cursor of an earlier answer', received: 'another text' }];
  throw new ApiError('validation_failed', 'The cursor is not one of ours.', { errors });
}

/** Somebody was given a role that asks for more than their session was opened with. */
export const secondFactorWanted = (): ApiError =>
  new ApiError(
    'unauthenticated',
    'A role of yours wants a second factor, and this session was opened without one. Sign in again.',
    {
      headers: { 'www-authenticate': 'Bearer' },
    },
  );
