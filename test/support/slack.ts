/** A double of Slack: its Web API and incoming webhooks over HTTP, tokens checked, and buttons pressed with signed callbacks as Slack documents them. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SlackMessageSeen {
  readonly channel: string;
  readonly ts: string;
  readonly body: Record<string, unknown>;
  readonly changes: number;
}

/** `strangers`: members of other workspaces, in a channel that is shared with them. */
export async function startSlack(members: Readonly<Record<string, string>>, strangers: Readonly<Record<string, string>> = {}) {
  const token = 'xoxb-test-token';
  const signingSecret = '8f742231b10e8888abcd99yyyzzz85a5';
  const messages = new Map<string, SlackMessageSeen>();
  const webhookBodies: Record<string, unknown>[] = [];
  const calls: string[] = [];
  const whispers: { readonly to: string; readonly text: string }[] = [];
  /** Answered once each before anything else. */
  const faults: ({ status: number; body: string; headers?: Record<string, string> } | 'hang up')[] = [];
  let next = 1;

  const memberOf = (id: string): Record<string, unknown> => {
    const [known] = Object.entries({ ...members, ...strangers }).filter(([, member]) => member === id);
    if (!known) return { ok: false, error: 'user_not_found' };
    const kind = { deleted: false, is_bot: false, is_restricted: false, is_ultra_restricted: false, is_email_confirmed: true };
    const isStranger = id in Object.fromEntries(Object.values(strangers).map((one) => [one, true]));
    return { ok: true, user: { id, team_id: isStranger ? 'T9' : 'T0', ...kind, profile: { email: known[0] } } };
  };

  const answerOf = (method: string, body: Record<string, unknown>): Record<string, unknown> => {
    if (method === 'users.lookupByEmail') {
      const id = members[String(body.email)];
      return id ? { ok: true, user: { id } } : { ok: false, error: 'users_not_found' };
    }
    if (method === 'auth.test') return { ok: true, team_id: 'T0' };
    if (method === 'users.info') return memberOf(String(body.user));
    if (method === 'chat.postEphemeral') {
      whispers.push({ to: String(body.user), text: JSON.stringify(body) });
      return { ok: true, message_ts: '1700000000.999999' };
    }
    if (method === 'chat.postMessage') {
      if (!/^(#(airlock-)?approvals|U[A-Z0-9]+)$/.test(String(body.channel))) return { ok: false, error: 'channel_not_found' };
      const ts = `1700000000.${String(next++).padStart(6, '0')}`;
      const channel = String(body.channel).startsWith('#') ? 'C0000000001' : `D${String(body.channel).slice(1)}`;
      messages.set(`${channel} ${ts}`, { channel, ts, body, changes: 0 });
      return { ok: true, channel, ts };
    }
    if (method === 'chat.update') {
      const known = messages.get(`${body.channel} ${body.ts}`);
      if (!known) return { ok: false, error: 'message_not_found' };
      messages.set(`${known.channel} ${known.ts}`, { ...known, body, changes: known.changes + 1 });
      return { ok: true, channel: known.channel, ts: known.ts };
    }
    return { ok: false, error: 'unknown_method' };
  };

  const server = createServer(async (request, response) => {
    const fault = faults.shift();
    if (fault === 'hang up') return request.socket.destroy();
    if (fault) return response.writeHead(fault.status, fault.headers).end(fault.body);
    const method = (request.url ?? '').slice(1);
    const text = await textOf(request);
    // Methods that read take no JSON.
    const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded';
    const wantsForm = /^(users|auth)\./.test(method);
    if (isForm !== wantsForm) return response.end(JSON.stringify({ ok: false, error: 'invalid_arguments' }));
    const body = isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text);
    calls.push(method);
    if (method === 'services/T0/B0/secret') {
      webhookBodies.push(body);
      return response.end('ok');
    }
    const isAllowed = request.headers.authorization === `Bearer ${token}`;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(isAllowed ? answerOf(method, body) : { ok: false, error: 'invalid_auth' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  return {
    apiUrl: url,
    webhookUrl: `${url}services/T0/B0/secret`,
    token,
    signingSecret,
    messages,
    webhookBodies,
    calls,
    whispers,
    faults,
    /** What Slack sends when a member presses a button of a message. */
    press(message: SlackMessageSeen, actionId: string, slackUserId: string, at: Date) {
      const elements = (message.body.blocks as { elements?: { action_id: string; value?: string }[] }[]).flatMap(
        (block) => block.elements ?? [],
      );
      const button = elements.find((element) => element.action_id === actionId);
      if (!button) throw new Error(`the message has no button ${actionId}`);
      const payload = {
        type: 'block_actions',
        user: { id: slackUserId, username: 'somebody', team_id: 'T0' },
        container: { type: 'message', message_ts: message.ts, channel_id: message.channel },
        channel: { id: message.channel, name: 'approvals' },
        actions: [
          { type: 'button', block_id: 'airlock_decide', action_id: button.action_id, value: button.value, action_ts: '1.1' },
        ],
      };
      const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
      const timestamp = String(Math.floor(at.getTime() / 1000));
      const signature = `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`;
      return { timestamp, signature, body };
    },
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
