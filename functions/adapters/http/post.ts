/** A POST whose end says whether it was surely not sent. Redirects are not followed: they are answers. */
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { isIP } from 'node:net';
import { AddressNotPublic, isPublicAddress, publicLookup } from './public-address.ts';

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  /** Connect to addresses of the public internet alone, and by https. */
  readonly publicOnly: boolean;
}

export type PostEnd =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string; readonly retryAfterSeconds: number | null }
  /** No connection was made, or none may be. */
  | { readonly kind: 'not_sent'; readonly reason: string; readonly isFinal: boolean }
  | { readonly kind: 'no_answer'; readonly reason: string };

const ANSWER_MAX_BYTES = 64 * 1024;

export function post({ url, headers, body, timeoutMs, publicOnly }: Post): Promise<PostEnd> {
  const target = new URL(url);
  if (publicOnly) {
    const refusal = whyNot(target);
    if (refusal) return Promise.resolve({ kind: 'not_sent', reason: refusal, isFinal: true });
  }
  return new Promise((resolve) => {
    let isConnected = false;
    const fail = (error: Error): void => {
      const reason = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
      if (isConnected) resolve({ kind: 'no_answer', reason });
      else resolve({ kind: 'not_sent', reason, isFinal: error instanceof AddressNotPublic });
    };
    const request = (target.protocol === 'https:' ? secureRequest : plainRequest)(target, {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      signal: AbortSignal.timeout(timeoutMs),
      // A connection of its own: one kept open that the other side just closed could not be told from one that took the message.
      agent: false,
      ...(publicOnly ? { lookup: publicLookup } : {}),
    });
    const opened = target.protocol === 'https:' ? 'secureConnect' : 'connect';
    request.on('socket', (socket) => {
      socket.once(opened, () => {
        isConnected = true;
      });
    });
    request.on('error', fail);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.byteLength;
        if (bytes <= ANSWER_MAX_BYTES) parts.push(part);
        else response.destroy();
      });
      response.on('error', fail);
      response.on('close', () => {
        const status = response.statusCode ?? 0;
        resolve({
          kind: 'answered',
          status,
          body: Buffer.concat(parts).toString('utf8'),
          retryAfterSeconds: secondsIn(response.headers['retry-after']),
        });
      });
    });
    request.end(body);
  });
}

/** A name is looked at when it is looked up; an address in the URL is never looked up. */
function whyNot(target: URL): string | null {
  if (target.protocol !== 'https:') return 'the address is not https';
  if (target.username !== '' || target.password !== '') return 'the address holds a password';
  const host = target.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 && !isPublicAddress(host) ? 'the address is not public' : null;
}

const secondsIn = (header: string | undefined): number | null => (header && /^\d{1,6}$/.test(header) ? Number(header) : null);
