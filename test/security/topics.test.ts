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

/** Asks for a topic with a connection of one's own, and closes it again. */
async function follow(client: Client, topic: string): Promise<ServerFrame> {
  const clientId = `client-${randomUUID().slice(0, 8)}`;
  const { body } = await client.call<{ ticket: string }>('POST', '/api/v1/ws/tickets', { client_id: clientId });
  const socket = new WebSocket(`${status.ws_url}/${clientId}?ticket=${body.ticket}`);
  const frames: ServerFrame[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.send(JSON.stringify({ action: 'subscribe', topic }));
  const answer = await until('an answer', async () => frames[0]);
  socket.close();
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
    for (const topic of ['execution:*', 'execution:', 'approvals:*', '*', `${unknown}#x`, '../approvals'])
      expect(await follow(developer, topic), topic).toMatchObject({ type: 'error', code: 'validation_failed' });
  });
});
