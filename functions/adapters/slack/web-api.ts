/** The few methods of Slack's Web API that are used, one request each. What came of it is told exactly: nothing is tried again here. */
import { z } from 'zod';
import { type PostEnd, post } from '../http/post.ts';

export const SLACK_API = 'https://slack.com/api/';
const TIMEOUT_MS = 10_000;

/** Methods that read take no JSON. */
const AS_FORM = /^(users|auth)\./;
const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json; charset=utf-8';

const answer = z.looseObject({ ok: z.boolean(), error: z.string().optional() });

export type SlackAnswer =
  | { readonly outcome: 'ok'; readonly value: Record<string, unknown> }
  | {
      readonly outcome: 'refused';
      readonly reason: string;
      readonly isFinal: boolean;
      readonly retryAfterSeconds?: number;
      readonly isBusy?: true;
    }
  | { readonly outcome: 'unknown'; readonly reason: string };

/** Slack says of these that some of it may have happened. */
const UNCERTAIN = ['fatal_error', 'internal_error', 'request_timeout', 'service_unavailable'];
const PASSING = ['team_added_to_org'];
const LIMITED = ['ratelimited', 'rate_limited'];
const BUSY = { outcome: 'refused', reason: 'ratelimited', isFinal: false, isBusy: true } as const;

export async function callSlack(
  connection: { readonly apiUrl: string; readonly token: string },
  method: string,
  body: Record<string, unknown>,
): Promise<SlackAnswer> {
  const asForm = AS_FORM.test(method);
  const ended = await post({
    url: `${connection.apiUrl}${method}`,
    headers: { authorization: `Bearer ${connection.token}`, 'content-type': asForm ? FORM : JSON_TYPE },
    body: asForm ? new URLSearchParams(body as Record<string, string>).toString() : JSON.stringify(body),
    timeoutMs: TIMEOUT_MS,
    publicOnly: false,
  });
  return meaningOf(ended);
}

/** An incoming webhook answers in plain text. */
export async function postToSlackWebhook(url: string, body: Record<string, unknown>): Promise<SlackAnswer> {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  const ended = await post({ url, headers, body: JSON.stringify(body), timeoutMs: TIMEOUT_MS, publicOnly: false });
  if (ended.kind === 'answered' && ended.status === 200) return { outcome: 'ok', value: {} };
  return meaningOf(ended);
}

function meaningOf(ended: PostEnd): SlackAnswer {
  if (ended.kind === 'not_sent') return { outcome: 'refused', reason: ended.reason, isFinal: ended.isFinal };
  if (ended.kind === 'no_answer') return { outcome: 'unknown', reason: ended.reason };
  if (ended.status === 429) {
    return { ...BUSY, retryAfterSeconds: ended.retryAfterSeconds ?? 60 };
  }
  if (ended.status >= 500) return { outcome: 'unknown', reason: `Slack answered ${ended.status}` };
  const read = answer.safeParse(jsonOf(ended.body));
  if (!read.success) return { outcome: 'refused', reason: `Slack answered ${ended.status}`, isFinal: true };
  if (read.data.ok) return { outcome: 'ok', value: read.data };
  const reason = (read.data.error ?? 'no reason').replace(/[^a-z0-9_]/gi, '').slice(0, 60);
  if (LIMITED.includes(reason)) return BUSY;
  if (UNCERTAIN.includes(reason)) return { outcome: 'unknown', reason };
  return { outcome: 'refused', reason, isFinal: !PASSING.includes(reason) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
