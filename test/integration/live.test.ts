import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ServerFrame } from '../../functions/contracts/live.ts';
import { approve, as, inPhase, status, submit, until } from '../support/airlock.ts';

async function open(role: 'developer' | 'viewer' = 'developer') {
  const client = await as(role);
  const clientId = `client-${Math.random().toString(36).slice(2, 10)}`;
  const { body } = await client.call<{ ticket: string }>('POST', '/api/v1/ws/tickets', { client_id: clientId });
  const url = `${status.ws_url}/${clientId}?ticket=${body.ticket}`;
  const socket = new WebSocket(url);
  const frames: ServerFrame[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const seqs = () =>
    frames.flatMap((frame) =>
      frame.type === 'events' ? frame.events.filter((event) => event.type !== 'usage').map((event) => event.seq) : [],
    );
  const text = () =>
    frames
      .flatMap((frame) =>
        frame.type === 'events' ? frame.events.map((event) => ('text' in event ? String(event.text) : '')) : [],
      )
      .join('');
  const reached = () => frames.reduce((last, frame) => ('last_seq' in frame ? Math.max(last, frame.last_seq) : last), 0);
  const isDone = () => frames.some((frame) => frame.type === 'status' && frame.phase === 'done');
  return {
    socket,
    frames,
    url,
    seqs,
    text,
    reached,
    isDone,
    subscribe: (id: string, after = 0) => socket.send(JSON.stringify({ action: 'subscribe', topic: `execution:${id}`, after })),
  };
}

const counting = 'import time\nfor n in range(30):\n    print(n, flush=True)\n    time.sleep(0.1)';
const expected = Array.from({ length: 30 }, (_, n) => `${n}\n`).join('');

describe('a live subscription', () => {
  it('gives every event in order, and the end last', async () => {
    const submitted = await submit({ language: 'python', code: counting });
    const live = await open();
    live.subscribe(submitted.execution_id);
    await approve(submitted);
    await until('the end over the socket', async () => live.isDone());
    live.socket.close();
    expect(live.text()).toBe(expected);
    expect(live.seqs()).toEqual([...live.seqs()].sort((a, b) => a - b));
    expect(live.frames.at(-1)).toMatchObject({ type: 'status', phase: 'done', status: 'completed' });
  });

  it('misses nothing across a lost connection', async () => {
    const submitted = await submit({ language: 'python', code: counting });
    await approve(submitted);
    await inPhase(submitted.execution_id, ['running', 'collecting', 'done']);
    const first = await open();
    first.subscribe(submitted.execution_id);
    await until('some events', async () => first.text().includes('5\n'));
    first.socket.terminate();
    const second = await open();
    second.subscribe(submitted.execution_id, first.reached());
    await until('the end over the second socket', async () => second.isDone());
    second.socket.close();
    expect(first.text() + second.text()).toBe(expected);
  });

  it('of a finished execution gives all of it', async () => {
    const submitted = await submit({ language: 'python', code: 'print("\\x01" * 9000)' });
    await approve(submitted);
    await inPhase(submitted.execution_id, 'done');
    const live = await open();
    live.subscribe(submitted.execution_id);
    await until('the end over the socket', async () => live.isDone());
    live.socket.close();
    expect(live.text()).toBe(`${'\u0001'.repeat(9000)}\n`);
  });

  it('of what is not yours, or not there, is refused with the same words', async () => {
    const admin = await as('admin');
    const theirs = (
      await admin.call<{ execution_id: string }>('POST', '/api/v1/execute', { language: 'python', code: 'print(1)' })
    ).body.execution_id;
    const live = await open();
    live.subscribe(theirs);
    live.subscribe(theirs.replace(/.{12}$/, '000000000000'));
    live.socket.send('nonsense');
    await until('three answers', async () => live.frames.length >= 3);
    live.socket.close();
    expect(live.frames[0]).toEqual(live.frames[1]);
    expect(live.frames.map((frame) => frame.type)).toEqual(['error', 'error', 'error']);
  });
});

describe('a live ticket', () => {
  const isRefused = (url: string) =>
    new Promise<boolean>((resolve) => {
      const socket = new WebSocket(url);
      socket.once('open', () => resolve(false));
      socket.once('error', () => resolve(true));
    });

  it('opens one connection, once, for one client', async () => {
    const { url, socket } = await open();
    expect(await isRefused(url)).toBe(true);
    socket.close();
    const client = await as('developer');
    const { body } = await client.call<{ ticket: string }>('POST', '/api/v1/ws/tickets', { client_id: 'client-one' });
    expect(await isRefused(`${status.ws_url}/client-two?ticket=${body.ticket}`)).toBe(true);
    expect(await isRefused(`${status.ws_url}/client-two`)).toBe(true);
  });
});
