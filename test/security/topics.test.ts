/** Who may follow what over a WebSocket: whoever may read it over HTTP, and nobody else; and the refusals say nothing. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ExecutionResult } from '../../functions/contracts/execution.ts';
import type { ServerFrame } from '../../functions/contracts/live.ts';
import { as, type Client, clientOf, status, until } from '../support/airlock.ts';
import { configuration } from '../support/configuration.ts';
import { somebody } from '../support/people.ts';

const roles = Object.keys(configuration.security.authorization.roles);

/** Asks for a topic with a connection of one's own; `frames` holds whatever comes, the answer first. */
async function stay(client: Client, topic: string) {
  const clientId = `client-${randomUUID().slice(0, 8)}`;
  const { body } = await client.call<{ ticket: string }>('POST', '/api/v1/ws/tickets', { client_id: clientId });
  const socket = new WebSocket(`${status.ws_url}/${clientId}?ticket=${body.ticket}`);
  const frames: ServerFrame[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.send(JSON.stringify({ action: 'subscribe', topic }));
  const answer = await until('an answer', async () => frames[0]);
  return { answer, frames, leave: () => socket.close() };
}

async function follow(client: Client, topic: string): Promise<ServerFrame> {
  const { answer, leave } = await stay(client, topic);
  leave();
  return answer;
}

async function keyOf(owner: Client, resources: object): Promise<Client> {
  const { body } = await owner.call<{ key: string }>('POST', '/api/v1/api-keys', { name: 'topics', resources });
  return clientOf(body.key);
}

async function submitAs(client: Client, more: object = {}): Promise<ExecutionResult> {
  const { status: code, body } = await client.call<ExecutionResult>('POST', '/api/v1/execute', {
    ...{ language: 'python', code: 'print(1)', approval_required: true },
    ...more,
  });
  if (code !== 202) throw new Error(`submitting answered ${code}: ${JSON.stringify(body)}`);
  return body;
}

describe('a topic', () => {
  it('is followed by those who may read the execution, whoever asks with whatever', async () => {
    const admin = await as('admin');
    const owner = await somebody('developer');
    const [red, blue] = await Promise.all([somebody('viewer'), somebody('viewer')]);
    const put = (person: { user_id: string }, teams: string[]) =>
      admin.call('PATCH', `/api/v1/users/${person.user_id}`, { teams, reason: 'works there' });
    await Promise.all([put(owner, ['red']), put(red, ['red']), put(blue, ['blue'])]);
    const submitted = await submitAs(owner, { label: 'nightly' });
    const people: Record<string, Client> = {
      owner,
      'one of the same team': red,
      'one of another team': blue,
      'another developer': await somebody('developer'),
      'a key of the owner': await keyOf(owner, {}),
      'a key for this label': await keyOf(owner, { labels: ['nightly'] }),
      'a key for another label': await keyOf(owner, { labels: ['daily'] }),
      'a key for another environment': await keyOf(owner, { environments: ['nodejs'] }),
      'a key for the team': await keyOf(owner, { teams: ['red'] }),
    };
    for (const role of roles) people[`somebody with the role ${role}`] = await somebody(role);
    const outcomes: Record<string, boolean> = {};
    for (const [name, client] of Object.entries(people)) {
      const read = await client.call('GET', `/api/v1/executions/${submitted.execution_id}`);
      const answer = await follow(client, `execution:${submitted.execution_id}`);
      expect([200, 403, 404], name).toContain(read.status);
      expect(answer.type, name).toBe(read.status === 200 ? 'subscribed' : 'error');
      if (answer.type === 'error')
        expect(answer).toEqual({ type: 'error', code: 'not_found', detail: 'There is no such topic, or it is not yours.' });
      outcomes[name] = answer.type === 'subscribed';
    }
    expect(outcomes).toMatchObject({
      ...{ owner: true, 'one of the same team': true, 'one of another team': false, 'another developer': false },
      ...{ 'a key of the owner': true, 'a key for this label': true, 'a key for another label': false },
      ...{ 'a key for another environment': false, 'a key for the team': true },
    });
    await owner.call('POST', `/api/v1/approvals/${submitted.approval_id}/withdraw`, {});
  });

  it('that is none, or of nobody, is refused like one of others', async () => {
    const developer = await somebody('developer');
    const unknown = 'execution:exec_01900000-0000-7000-8000-000000000000';
    expect(await follow(developer, unknown)).toMatchObject({ type: 'error', code: 'not_found' });
    for (const topic of [
      'execution:*',
      'execution:',
      'approvals:*',
      'approvals:',
      'approvals#',
      'Approvals',
      '*',
      `${unknown}#x`,
      '../approvals',
    ])
      expect(await follow(developer, topic), topic).toMatchObject({ type: 'error', code: 'validation_failed' });
  });

  it('of approval requests tells each follower of those they may read, and of no other, to the end', async () => {
    const admin = await as('admin');
    const owner = await somebody('developer');
    const put = (person: { user_id: string }, teams: string[]) =>
      admin.call('PATCH', `/api/v1/users/${person.user_id}`, { teams, reason: 'works there' });
    const [red, blue] = await Promise.all([somebody('approver'), somebody('approver')]);
    await Promise.all([put(owner, ['red']), put(red, ['red']), put(blue, ['blue'])]);
    const people: Record<string, Client> = {
      owner,
      'an approver of the team': red,
      'an approver of another team': blue,
      'a key of the owner for another label': await keyOf(owner, { labels: ['daily'] }),
      'a key of the owner': await keyOf(owner, {}),
    };
    for (const role of roles) people[`somebody with the role ${role}`] = await somebody(role);
    const followers = await Promise.all(
      Object.entries(people).map(async ([name, client]) => ({ name, client, ...(await stay(client, 'approvals')) })),
    );
    const submitted = await submitAs(owner, { label: 'nightly', team: 'red' });
    const path = `/api/v1/approvals/${submitted.approval_id}`;
    const told = (frames: readonly ServerFrame[]) =>
      frames.flatMap((frame) =>
        frame.type === 'approval' && frame.approval.approval_id === submitted.approval_id ? [frame] : [],
      );
    const may: Record<string, number> = {};
    for (const { name, client, answer, leave } of followers) {
      may[name] = (await client.call('GET', path)).status;
      const lists = (await client.call('GET', '/api/v1/approvals')).status === 200;
      expect(answer.type, name).toBe(lists ? 'subscribed' : 'error');
      if (!lists) leave();
    }
    expect(may).toMatchObject({
      ...{ owner: 200, 'an approver of the team': 200, 'an approver of another team': 404, 'a key of the owner': 200 },
      'a key of the owner for another label': 404,
    });
    expect((await owner.call('POST', `${path}/withdraw`, {})).status).toBe(200);
    const readers = followers.filter(({ name }) => may[name] === 200);
    for (const { name, frames } of readers)
      await until(`the end, for ${name}`, async () => told(frames).some(({ approval }) => approval.status === 'withdrawn'));
    for (const { name, frames, leave } of followers) {
      if (may[name] !== 200) expect(told(frames), name).toEqual([]);
      expect(JSON.stringify(told(frames)), name).not.toContain('print(1)');
      leave();
    }
    const approver = followers.find(({ client }) => client === red);
    expect(told(approver?.frames ?? []).map(({ waits_for_you, approval }) => [approval.status, waits_for_you])).toEqual([
      ['open', true],
      ['withdrawn', false],
    ]);
  });

  it('of approval requests ends for whoever may read none any more', async () => {
    const admin = await as('admin');
    const viewer = await somebody('viewer');
    const { answer, frames, leave } = await stay(viewer, 'approvals');
    expect(answer.type).toBe('subscribed');
    await admin.call('PATCH', `/api/v1/users/${viewer.user_id}`, { roles: [], reason: 'left' });
    await until('the end of it', async () => frames.some(({ type }) => type === 'unsubscribed'));
    leave();
  });
});
