/** Pages as a browser without a script sends and gets them, one request at a time. */
import { status } from './airlock.ts';

export const origin = new URL(status.url).origin;

export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export async function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  form?: Record<string, string>,
): Promise<PageAnswer> {
  const body = form && new URLSearchParams(form).toString();
  const type = form ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
  const answer = await fetch(`${status.url}${path}`, {
    method,
    headers: { ...type, ...headers },
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** The cookie of somebody who signed in on the page. */
export async function signedIn(user: { email: string; password: string }): Promise<string> {
  const answer = await ask(
    'POST',
    '/sign-in',
    { origin },
    { return_to: '/approvals', email: user.email, password: user.password },
  );
  if (answer.status !== 303) throw new Error(`signing in as ${user.email} answered ${answer.status}: ${answer.text}`);
  return (answer.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
}

export const fieldOf = (text: string, name: string): string => new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1] ?? '';

/** What the form of a request sends if somebody presses its button. */
export async function formOf(path: string, cookie: string): Promise<Record<string, string>> {
  const { text } = await ask('GET', path, { cookie });
  return {
    csrf_token: fieldOf(text, 'csrf_token'),
    nonce: fieldOf(text, 'nonce'),
    digest: fieldOf(text, 'digest'),
    decision: 'approve',
  };
}
