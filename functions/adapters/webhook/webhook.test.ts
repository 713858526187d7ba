import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NOW, openApprovalOf } from '../../../test/support/entities.ts';
import { noticeOf } from '../../../test/support/notices.ts';
import { messageOf } from '../../core/notification/message.ts';
import { queued } from '../../core/notification/queue.ts';
import { webhookBody } from '../../core/notification/webhook.ts';
import { signedHeaders } from '../../core/notification/webhook-signature.ts';
import { post } from '../http/post.ts';
import { isPublicAddress } from '../http/public-address.ts';
import { webhookSender } from './sender.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function receiver(answer: { status: number; headers?: Record<string, string> }) {
  const came: { headers: Record<string, unknown>; body: string }[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    came.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
    response.writeHead(answer.status, answer.headers).end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { came, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

function send(address: string, more: { secret?: string; publicOnly?: boolean } = {}) {
  const approval = openApprovalOf();
  const notice = noticeOf(approval, 1);
  const delivery = queued(notice, { kind: 'place', name: 'webhook' }, 'webhook', NOW);
  const { secret = SECRET, publicOnly = false } = more;
  const sender = webhookSender({
    webhook: { url: { kind: 'address', address }, secret: 'SECRET' },
    secret: async () => secret,
    publicOnly,
  });
  return sender.send({ delivery, approval, message: messageOf(notice, approval, null), reference: null, now: NOW });
}

describe('a webhook', () => {
  it('is signed as in the example of the Standard Webhooks specification', () => {
    const headers = signedHeaders(SECRET, 'msg_p5jXN8AQM9LWM0D4loKWxJek', new Date(1614265330000), '{"test": 2432232314}');
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
    for (const secret of ['', 'whsec_', 'whsec_c2hvcnQ=', 'plain', `${SECRET}!`])
      expect(signedHeaders(secret, 'id', NOW, '{}'), secret).toBeNull();
  });

  it('arrives whole, under the id of its message, with a signature over what arrived', async () => {
    const { came, url } = await receiver({ status: 204 });
    expect(await send(url)).toEqual({ outcome: 'sent', reference: null });
    const [one] = came;
    const id = String(one?.headers['webhook-id']);
    expect(id).toMatch(/^dlv_/);
    expect(signedHeaders(SECRET, id, NOW, one?.body ?? '')?.['webhook-signature']).toBe(one?.headers['webhook-signature']);
    expect(webhookBody.parse(JSON.parse(one?.body ?? ''))).toMatchObject({
      type: 'approval.opened',
      data: { status: 'open', asks: true },
    });
  });

  it('follows no redirect', async () => {
    const elsewhere = await receiver({ status: 200 });
    const { url, came } = await receiver({ status: 307, headers: { location: elsewhere.url } });
    expect(await send(url)).toMatchObject({ outcome: 'refused', isFinal: false });
    expect([came.length, elsewhere.came.length]).toEqual([1, 0]);
  });

  it('is tried again after a fault, and never again once the receiver is gone', async () => {
    expect(await send((await receiver({ status: 503, headers: { 'retry-after': '20' } })).url)).toMatchObject({
      isFinal: false,
      retryAfterSeconds: 20,
    });
    expect(await send((await receiver({ status: 410 })).url)).toMatchObject({ outcome: 'refused', isFinal: true });
  });

  it('is not sent unsigned', async () => {
    const { url, came } = await receiver({ status: 200 });
    expect(await send(url, { secret: 'short' })).toMatchObject({ outcome: 'refused', isFinal: true });
    expect(came).toEqual([]);
  });

  it.each([
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/',
    'https://2130706433/',
    'https://localhost/',
    'https://user:pw@example.com/',
    'http://example.com/',
  ])('never goes to %s', async (address) => {
    expect(await send(address, { publicOnly: true })).toMatchObject({ outcome: 'refused', isFinal: true });
  });

  it('never goes to a server of this machine, whatever its name', async () => {
    const { url, came } = await receiver({ status: 200 });
    const secure = url.replace('http:', 'https:').replace('127.0.0.1', 'localhost');
    const ended = await post({ url: secure, headers: {}, body: '', timeoutMs: 5000, publicOnly: true });
    expect(ended).toEqual({ kind: 'not_sent', reason: 'AddressNotPublic', isFinal: true });
    expect(came).toEqual([]);
  });
});

it.each([
  ['93.184.216.34', true],
  ['8.8.8.8', true],
  ['2606:2800:220:1:248:1893:25c8:1946', true],
  ['10.1.2.3', false],
  ['100.64.0.1', false],
  ['127.0.0.1', false],
  ['169.254.169.254', false],
  ['172.31.0.1', false],
  ['192.168.1.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['0.0.0.0', false],
  ['::', false],
  ['::1', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:8.8.8.8', false],
  ['64:ff9b::7f00:1', false],
  ['fc00::1', false],
  ['fe80::1', false],
  ['2002:7f00:1::', false],
  ['2001:db8::1', false],
  ['localhost', false],
])('%s is an address of the public internet: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});
