import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import type { ApiKeyView } from '../../functions/contracts/api-key.ts';
import { type Answer, as, type Client, call, problemOf } from '../support/airlock.ts';
import { invoke, output, tables } from '../support/faults.ts';
import { mailTo } from '../support/inbox.ts';
import { somebody } from '../support/people.ts';

type Created = { key: string; api_key: ApiKeyView };

const made = async (owner: Client, request: object = {}): Promise<Created> => {
  const answer = await owner.call<Created>('POST', '/api/v1/api-keys', { name: 'ci', ...request });
  if (answer.status !== 201) throw new Error(`making a key answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
};
const withKey = <T>(key: string, method: string, path: string, body?: unknown): Promise<Answer<T>> =>
  call<T>(method, path, body, { authorization: `Bearer ${key}` });

describe('an API key', () => {
  it('does what its owner may, in either header, and nothing that people must do', async () => {
    const owner = await somebody('developer');
    const { key, api_key: shown } = await made(owner);
    const me = await withKey<{ user_id: string; permissions: string[]; credential: string }>(key, 'GET', '/api/v1/me');
    expect(me.body).toMatchObject({ user_id: owner.user_id, credential: 'api_key' });
    expect((await call('GET', '/api/v1/me', undefined, { 'x-api-key': key })).status).toBe(200);
    const both = { 'x-api-key': key, authorization: `Bearer ${owner.token}` };
    expect((await call('GET', '/api/v1/me', undefined, both)).status).toBe(400);
    expect((await withKey(key, 'POST', '/api/v1/api-keys', { name: 'another' })).status).toBe(403);
    const { key: ofApprover } = await made(await somebody('approver'));
    const decision = { decision: 'approve', digest: '0'.repeat(64) };
    const decided = await withKey(
      ofApprover,
      'POST',
      '/api/v1/approvals/apr_01900000-0000-7000-8000-000000000000/decision',
      decision,
    );
    expect(decided.status).toBe(403);
    const asked = await owner.call('POST', '/api/v1/api-keys', { name: 'x', permissions: ['approve'] });
    expect(problemOf(asked)).toMatchObject({ status: 422, errors: [{ field: 'body.permissions[0]' }] });
    const listed = await owner.call<{ api_keys: ApiKeyView[] }>('GET', '/api/v1/api-keys');
    expect(listed.body.api_keys).toMatchObject([{ key_id: shown.key_id, status: 'active', last_used_at: expect.any(String) }]);
    // Several uses within one minute.
    expect(listed.body.api_keys[0]?.minutes_used).toBe(1);
    expect(JSON.stringify(listed.body)).not.toContain(key.slice(30));
  });

  it('is narrower than its owner where it says so, in what it sends, what it reads and what it lists', async () => {
    const owner = await somebody('developer');
    const { key } = await made(owner, { resources: { labels: ['nightly'] } });
    const program = { language: 'python', code: 'print(1)' };
    expect((await withKey(key, 'POST', '/api/v1/execute', program)).status).toBe(403);
    const own = await withKey<{ execution_id: string }>(key, 'POST', '/api/v1/execute', { ...program, label: 'nightly' });
    expect(own.status).toBe(202);
    const other = await owner.call<{ execution_id: string }>('POST', '/api/v1/execute', { ...program, label: 'daily' });
    expect((await withKey(key, 'GET', `/api/v1/executions/${other.body.execution_id}`)).status).toBe(404);
    const listed = await withKey<{ executions: { execution_id: string }[] }>(key, 'GET', '/api/v1/executions');
    expect(listed.body.executions.map((row) => row.execution_id)).toEqual([own.body.execution_id]);
    const { key: reader } = await made(owner, { permissions: ['read_state'] });
    expect((await withKey(reader, 'POST', '/api/v1/execute', program)).status).toBe(403);
    const more = await owner.call('POST', '/api/v1/api-keys', { name: 'x', permissions: ['manage_users'] });
    expect(problemOf(more)).toMatchObject({ status: 422, errors: [{ received: 'manage_users' }] });
  });

  it('is rotated once, both work for a while, and what is revoked ends at once', async () => {
    const owner = await somebody('developer');
    const { key, api_key: first } = await made(owner);
    // A key that leaked must not be able to live on in another.
    expect((await withKey(key, 'POST', `/api/v1/api-keys/${first.key_id}/rotate`)).status).toBe(403);
    const rotated = await owner.call<Created>('POST', `/api/v1/api-keys/${first.key_id}/rotate`);
    expect(rotated.status).toBe(201);
    const old = await withKey(key, 'GET', '/api/v1/me');
    expect([old.status, old.headers.get('airlock-key-ends-at')]).toEqual([200, expect.any(String)]);
    expect((await withKey(rotated.body.key, 'GET', '/api/v1/me')).status).toBe(200);
    expect((await owner.call('POST', `/api/v1/api-keys/${first.key_id}/rotate`)).status).toBe(409);
    const revoke = await owner.call<ApiKeyView>('DELETE', `/api/v1/api-keys/${first.key_id}`);
    expect(revoke.body.status).toBe('revoked');
    expect((await withKey(key, 'GET', '/api/v1/me')).status).toBe(401);
    expect((await withKey(rotated.body.key, 'GET', '/api/v1/me')).status).toBe(200);
  });

  it('is announced to its owner when it is due, once', async () => {
    const owner = await somebody('developer');
    const { api_key: due } = await made(owner);
    await tables.send(
      new UpdateCommand({
        TableName: output('IdentityTableName'),
        Key: { identity_id: due.key_id },
        UpdateExpression: 'SET rotation_due_at = :past',
        ExpressionAttributeValues: { ':past': new Date(Date.now() - 1000).toISOString() },
      }),
    );
    expect((await invoke('events/key-rotation', {})).told).toContain(due.key_id);
    const mail = await mailTo(owner.email, ({ text }) => text.includes(due.key_id));
    expect(mail.subject).toContain('is due for rotation');
    expect((await invoke('events/key-rotation', {})).told).not.toContain(due.key_id);
    const listed = await owner.call<{ api_keys: ApiKeyView[] }>('GET', '/api/v1/api-keys');
    expect(listed.body.api_keys).toMatchObject([{ status: 'rotation_due', rotation_told_at: expect.any(String) }]);
  });

  it('manages keys only with that permission, which a narrowed one never has, and makes none', async () => {
    const admin = await as('admin');
    const { key: manager } = await made(admin, { permissions: ['manage_keys'] });
    const { key: narrowed, api_key: shown } = await made(admin, { resources: { labels: ['nightly'] } });
    expect(shown.permissions).not.toContain('manage_keys');
    const refused = await admin.call('POST', '/api/v1/api-keys', {
      ...{ name: 'x', permissions: ['manage_users'], resources: { labels: ['nightly'], environments: ['no-such'] } },
    });
    expect(problemOf(refused)).toMatchObject({
      status: 422,
      errors: [{ field: 'body.permissions' }, { field: 'body.resources.environments' }],
    });
    const owner = await somebody('developer');
    const { api_key: theirs } = await made(owner);
    const path = `/api/v1/api-keys/${theirs.key_id}`;
    const list = `/api/v1/api-keys?user_id=${owner.user_id}`;
    expect((await withKey(narrowed, 'GET', list)).status).toBe(403);
    expect((await withKey(narrowed, 'GET', '/api/v1/users')).status).toBe(403);
    expect((await withKey(narrowed, 'DELETE', path)).status).toBe(404);
    expect((await withKey<{ api_keys: unknown[] }>(manager, 'GET', list)).body.api_keys).toHaveLength(1);
    expect((await withKey(manager, 'POST', '/api/v1/api-keys', { name: 'x' })).status).toBe(403);
    expect((await withKey(manager, 'POST', `${path}/rotate`)).status).toBe(403);
    expect((await withKey(manager, 'POST', `/api/v1/api-keys/${shown.key_id}/rotate`)).status).toBe(403);
    expect((await withKey<ApiKeyView>(manager, 'DELETE', path)).body.status).toBe('revoked');
    expect((await withKey<ApiKeyView>(narrowed, 'DELETE', `/api/v1/api-keys/${shown.key_id}`)).body.status).toBe('revoked');
    expect((await withKey(narrowed, 'GET', '/api/v1/me')).status).toBe(401);
  });

  it('is worth what its owner is worth at that moment', async () => {
    const admin = await as('admin');
    const owner = await somebody('developer');
    const { key } = await made(owner);
    const change = (body: object) => admin.call('PATCH', `/api/v1/users/${owner.user_id}`, { ...body, reason: 'x' });
    await change({ roles: ['viewer'] });
    expect((await withKey(key, 'POST', '/api/v1/execute', { language: 'python', code: '1' })).status).toBe(403);
    await change({ disabled: true });
    expect((await withKey(key, 'GET', '/api/v1/me')).status).toBe(401);
  });

  it('is nobody else’s: not to see, not to rotate, and only for those who manage keys to revoke', async () => {
    const owner = await somebody('developer');
    const stranger = await somebody('developer');
    const { api_key: theirs } = await made(owner);
    const path = `/api/v1/api-keys/${theirs.key_id}`;
    expect((await stranger.call('DELETE', path)).status).toBe(404);
    expect((await stranger.call('POST', `${path}/rotate`)).status).toBe(404);
    const listed = await stranger.call<{ api_keys: unknown[] }>('GET', `/api/v1/api-keys?user_id=${owner.user_id}`);
    expect(listed.body.api_keys).toEqual([]);
    const admin = await as('admin');
    expect((await admin.call('POST', `${path}/rotate`)).status).toBe(403);
    const seen = await admin.call<{ api_keys: unknown[] }>('GET', `/api/v1/api-keys?user_id=${owner.user_id}`);
    expect(seen.body.api_keys).toHaveLength(1);
    expect((await admin.call<ApiKeyView>('DELETE', path)).body.status).toBe('revoked');
  });
});
