/** What was done stays told, and whoever changes it is found out. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { DeleteCommand, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { type AuditRecord, hourOf } from '../../functions/contracts/audit.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import type { Verification } from '../../functions/core/audit/verify.ts';
import { projectDirectory } from '../../local/instance.ts';
import { as, call, problemOf, run, status, submit } from '../support/airlock.ts';
import { invoke, output, tables } from '../support/faults.ts';
import { somebody } from '../support/people.ts';

type Page = { records: AuditRecord[]; next_cursor: string | null };

/** The command as an operator runs it. */
async function verify(): Promise<{ exitCode: number; found: Verification }> {
  const { stdout, code } = await promisify(execFile)('node', ['operations/audit-verify.ts', '--json'], {
    cwd: projectDirectory,
    env: { ...process.env, AIRLOCK_INSTANCE: status.instance },
    maxBuffer: 64 * 1024 * 1024,
  }).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    (error: { stdout: string; code: number }) => ({ stdout: error.stdout, code: error.code }),
  );
  return { exitCode: code, found: JSON.parse(stdout) };
}

const faultsOf = ({ found }: { found: Verification }, where: string): string[] =>
  found.faults.filter((fault) => fault.where === where).map(({ fault }) => fault);

describe('the audit', () => {
  it('tells an auditor what was done, of one thing in order, of all newest first, as JSON and line by line', async () => {
    const auditor = await somebody('auditor');
    const startedAt = new Date().toISOString();
    const { execution_id: id, requester } = await run({ language: 'bash', code: 'echo audited' });
    const one = await auditor.call<Page>('GET', `/api/v1/audit?entity_id=${id}`);
    const actions = one.body.records.map(({ action }) => action);
    expect(actions[0]).toBe('submitted');
    expect(actions.at(-1)).toBe('completed');
    expect(one.body.records.map(({ sequence }) => sequence)).toEqual(actions.map((_, index) => index + 1));

    const from = new Date(Date.now() - 600_000).toISOString();
    const seen: AuditRecord[] = [];
    let cursor: string | null = null;
    do {
      const query: string = `actor=${requester.user_id}&action=submitted&from=${from}&limit=20${cursor ? `&cursor=${cursor}` : ''}`;
      const page = await auditor.call<Page>('GET', `/api/v1/audit?${query}`);
      expect(page.status).toBe(200);
      seen.push(...page.body.records);
      cursor = page.body.next_cursor;
    } while (cursor !== null);
    expect(seen.map(({ entity_id }) => entity_id)).toContain(id);
    expect(seen.every(({ action, actor }) => action === 'submitted' && actor === requester.user_id)).toBe(true);
    expect(seen.map(({ at }) => at)).toEqual(
      seen
        .map(({ at }) => at)
        .toSorted()
        .reverse(),
    );

    const lines = await fetch(`${status.url}/api/v1/audit?entity_id=${id}&format=ndjson`, {
      headers: { authorization: `Bearer ${auditor.token}` },
    });
    expect(lines.headers.get('content-type')).toBe('application/x-ndjson');
    const parsed = (await lines.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(parsed).toEqual(one.body.records);

    // The whole of a time, page after page, says the same as in JSON at once. Of the time since this began there are at least two.
    await submit({ language: 'bash', code: 'echo never' });
    const to = new Date().toISOString();
    const all = `actor=${requester.user_id}&action=submitted&from=${startedAt}&to=${to}&limit=1`;
    const exported: AuditRecord[] = [];
    let next: string | null = null;
    do {
      const path: string = `/api/v1/audit?${all}&format=ndjson${next ? `&cursor=${encodeURIComponent(next)}` : ''}`;
      const page: Response = await fetch(`${status.url}${path}`, { headers: { authorization: `Bearer ${auditor.token}` } });
      expect(page.status).toBe(200);
      const text = await page.text();
      exported.push(...text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)])));
      next = page.headers.get('airlock-next-cursor');
    } while (next !== null);
    const whole = await auditor.call<Page>('GET', `/api/v1/audit?${all.replace('limit=1', 'limit=1000')}`);
    expect(whole.body.next_cursor).toBeNull();
    expect(exported).toEqual(whole.body.records);
    expect(exported.length).toBeGreaterThan(1);
    // Nothing after the end or of another action, and an end before all of it is an empty time.
    const early = await auditor.call<Page>('GET', `/api/v1/audit?entity_id=${id}&to=${from}`);
    expect(early.body.records).toEqual([]);
    const filtered = await auditor.call<Page>('GET', `/api/v1/audit?entity_id=${id}&action=completed`);
    expect(filtered.body.records.map(({ action }) => action)).toEqual(['completed']);
  });

  it('is for auditors and admins, within limits that are named', async () => {
    expect((await (await as('viewer')).call('GET', '/api/v1/audit')).status).toBe(403);
    const admin = await as('admin');
    const wide = await admin.call('GET', '/api/v1/audit?from=2020-01-01T00:00:00Z');
    expect(problemOf(wide)).toMatchObject({ status: 422, errors: [{ field: 'query.from' }] });
    expect((await admin.call('GET', '/api/v1/audit?cursor=nonsense')).status).toBe(422);
    expect((await call('GET', '/api/v1/audit')).status).toBe(401);
  });

  it('shows every change to a record, every record that is gone, new, or put into an anchored hour, and nothing else', async () => {
    const TableName = output('AuditTableName');
    const submitted = async () => (await submit({ language: 'bash', code: 'echo never' })).execution_id;
    const [changed, spoilt, deleted, added] = [await submitted(), await submitted(), await submitted(), await submitted()];
    const keyOf = (entity_id: string, sequence = 1) => ({ entity_id, sequence });
    const { Item: first } = await tables.send(new GetCommand({ TableName, Key: keyOf(deleted) }));

    // A standing approval, as its row counts it.
    const standing = `std_${randomBytes(32).toString('hex')}`;
    const draft = { action: 'standing_granted', actor: 'somebody', at: new Date().toISOString(), details: {} };
    const { record, end } = appendToChain(standing, EMPTY_CHAIN, draft);
    const row = { TableName: output('ApprovalsTableName'), Key: { approval_id: standing } };
    await tables.send(new PutCommand({ TableName: row.TableName, Item: { ...row.Key, ...end } }));
    await tables.send(new PutCommand({ TableName, Item: { ...record, hour: hourOf(record.at) } }));

    await invoke('events/audit-anchor', {});
    const before = await verify();
    const all = [changed, spoilt, deleted, added, standing];
    for (const id of all) expect(faultsOf(before, id)).toEqual([]);
    expect(before.found.anchors).toBeGreaterThan(0);
    const at = `${before.found.last_anchored_hour}:30:00.000Z`;
    const forged = { ...keyOf(added, 99), action: 'approved', actor: 'nobody', at, details: {}, previous_hash: 'x' };

    const edit = (entity_id: string, more: object) => ({ TableName, Key: keyOf(entity_id), ...more });
    const value = { ExpressionAttributeValues: { ':other': 'somebody-else' } };
    await tables.send(new UpdateCommand({ ...edit(changed, { UpdateExpression: 'SET actor = :other' }), ...value }));
    await tables.send(new UpdateCommand({ ...edit(spoilt, { UpdateExpression: 'REMOVE actor' }) }));
    await tables.send(new DeleteCommand({ TableName, Key: keyOf(deleted) }));
    await tables.send(new DeleteCommand({ TableName, Key: keyOf(standing) }));
    await tables.send(new PutCommand({ TableName, Item: { ...forged, hash: 'f'.repeat(64), hour: hourOf(at) } }));
    try {
      const found = await verify();
      expect(found.exitCode).toBe(1);
      expect(faultsOf(found, changed)).toEqual(['record 1 was changed']);
      expect(faultsOf(found, spoilt)).toEqual([expect.stringMatching(/^record 1 was changed: actor /)]);
      expect(faultsOf(found, deleted)).toEqual([expect.stringContaining('counts 1 records, found 0')]);
      expect(faultsOf(found, standing)).toEqual([expect.stringContaining('counts 1 records, found 0')]);
      expect(faultsOf(found, added)).toContain(`record 99 was put into ${before.found.last_anchored_hour} after it was anchored`);
      // One that is no record any more hides none of the others from an auditor.
      const read = await (await as('admin')).call<Page>('GET', `/api/v1/audit?action=submitted&limit=50`);
      expect(read.status).toBe(200);
      expect(read.body.records.map(({ entity_id }) => entity_id)).not.toContain(spoilt);
      expect(read.body.records.length).toBeGreaterThan(0);
    } finally {
      const actor = String(first?.actor);
      for (const id of [changed, spoilt])
        await tables.send(
          new UpdateCommand({
            ...edit(id, { UpdateExpression: 'SET actor = :actor' }),
            ExpressionAttributeValues: { ':actor': actor },
          }),
        );
      await tables.send(new PutCommand({ TableName, Item: first }));
      await tables.send(new DeleteCommand({ TableName, Key: keyOf(added, 99) }));
      await tables.send(new DeleteCommand(row));
    }
    const after = await verify();
    for (const id of all) expect(faultsOf(after, id)).toEqual([]);
  });
});
