import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2';
import { describe, expect, it } from 'vitest';
import { sendFailureOf } from './send-failure.ts';

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** What becomes of one mail that a real client hands to a service that answers like this; null: nobody listens. */
async function endOf(answer: ((response: ServerResponse) => void) | null) {
  let calls = 0;
  const server = createServer((request, response) => {
    calls += 1;
    request.resume().on('end', () => answer?.(response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  if (answer === null) await new Promise((resolve) => server.close(resolve));
  const requestHandler = { requestTimeout: 300, throwOnRequestTimeout: true };
  const client = new SESv2Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
    requestHandler,
  });
  const end = await client.send(new SendEmailCommand({ Content: {} })).then(() => 'sent' as const, sendFailureOf);
  server.closeAllConnections();
  server.close();
  return { end, calls };
}

const says = (status: number, type: string) => (response: ServerResponse) =>
  response
    .writeHead(status, { 'x-amzn-errortype': type, 'content-type': 'application/json' })
    .end('{"message":"to you@example.com"}');

describe('a call that failed', () => {
  it('without a connection sent nothing, and may be made again', async () => {
    expect((await endOf(null)).end).toEqual({ outcome: 'refused', reason: 'ECONNREFUSED', isFinal: false });
  });

  it.each([
    ['MessageRejected', 400, true],
    ['AccessDeniedException', 403, true],
    ['SendingPausedException', 400, false],
  ])('with %s sent nothing; final: %s %s', async (type, status, isFinal) => {
    expect(await endOf(says(status, type))).toEqual({ end: { outcome: 'refused', reason: type, isFinal }, calls: 1 });
  });

  it.each([
    ['TooManyRequestsException', 429],
    ['ThrottlingException', 400],
  ])('with %s sent nothing, as too much is sent at once', async (type, status) => {
    const end = { outcome: 'refused', reason: type, isFinal: false, isBusy: true };
    expect(await endOf(says(status, type))).toEqual({ end, calls: 1 });
  });

  it.each([
    ['a fault of the service', says(500, 'InternalServiceErrorException')],
    ['a connection that was cut', (response: ServerResponse) => response.socket?.destroy()],
    ['silence', () => {}],
  ])('with %s may have sent it, and is made once', async (_, answer) => {
    expect(await endOf(answer)).toMatchObject({ end: { outcome: 'unknown' }, calls: 1 });
  });
});
