/**
 * JSON as Airlock accepts and writes it. What is hashed or shown to an approver must mean the same to every reader, so input in
 * which two readers could see two things (a key given twice, a number that loses digits, half a surrogate pair) is refused.
 */
import { createHash } from 'node:crypto';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export class AmbiguousJson extends Error {
  readonly path: string;
  readonly expected: string;
  readonly received: string;
  constructor(path: string, expected: string, received: string) {
    super(`${path}: expected ${expected}, received ${received}`);
    this.name = 'AmbiguousJson';
    this.path = path;
    this.expected = expected;
    this.received = received;
  }
}

/** Parses JSON text. Throws SyntaxError for what is not JSON, AmbiguousJson for what two readers could read differently. */
export function parseUnambiguousJson(text: string): unknown {
  refuseDuplicateKeysAndDepth(text);
  const value: unknown = JSON.parse(text, refuseUnsafeNumber);
  refuseLoneSurrogates(value, 'body');
  return value;
}

/** The same bytes for the same value, whatever order its keys were set in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sorted(member)]));
}

/** `source` is the number as it was written (JSON.parse source text access, ES2025). */
function refuseUnsafeNumber(key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number') return value;
  const source = context?.source;
  const isWhole = source !== undefined && /^-?\d+$/.test(source);
  if (!Number.isFinite(value) || (isWhole && !Number.isSafeInteger(value))) {
    throw new AmbiguousJson(
      key || 'body',
      'a number every reader can hold (up to 2^53 - 1; longer ones as text)',
      String(source),
    );
  }
  return value;
}

/** What walks a value deeper than that may run out of stack. */
const MAX_DEPTH = 100;

/** JSON.parse keeps the last of two equal keys and says nothing, so the text is walked once more for the objects' keys alone. */
function refuseDuplicateKeysAndDepth(text: string): void {
  const open: (Set<string> | null)[] = [];
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/gs;
  let previous = '';
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const token = match[0];
    if (open.length > MAX_DEPTH) throw new AmbiguousJson('body', `at most ${MAX_DEPTH} levels`, 'a deeper one');
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (token.startsWith('"') && (previous === '{' || previous === ',')) {
      const keys = open.at(-1);
      const key: string = JSON.parse(token);
      if (keys?.has(key)) throw new AmbiguousJson(key, 'each key once in an object', 'the key twice');
      keys?.add(key);
    }
    previous = token;
  }
}

function refuseLoneSurrogates(value: unknown, path: string): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new AmbiguousJson(path, 'well-formed Unicode text', 'half a surrogate pair');
    return;
  }
  if (value === null || typeof value !== 'object') return;
  for (const [key, member] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    refuseLoneSurrogates(key, path);
    refuseLoneSurrogates(member, at);
  }
}
