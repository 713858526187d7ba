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
  });

  it('is for auditors and admins, within limits that are named', async () => {
    expect((await (await as('viewer')).call('GET', '/api/v1/audit')).status).toBe(403);
    const admin = await as('admin');
    const wide = await admin.call('GET', '/api/v1/audit?from=2020-01-01T00:00:00Z');
    expect(problemOf(wide)).toMatchObject({ status: 422, errors: [{ field: 'query.from' }] });
    expect((await admin.call('GET', '/api/v1/audit?cursor=nonsense')).status).toBe(422);
    expect((await call('GET', '/api/v1/audit')).status).toBe(401);
  });

  it('shows every change to a record, and every record that is gone or new', async () => {
    const { execution_id: id } = await submit({ language: 'bash', code: 'echo never' });
    const TableName = output('AuditTableName');
    const Key = { entity_id: id, sequence: 1 };
    const { Item: first } = await tables.send(new GetCommand({ TableName, Key }));
    expect(faultsOf(await verify(), id)).toEqual([]);

    await tables.send(
      new UpdateCommand({
        ...{ TableName, Key, UpdateExpression: 'SET actor = :other' },
        ExpressionAttributeValues: { ':other': 'somebody-else' },
      }),
    );
    const changed = await verify();
    expect(changed.exitCode).toBe(1);
    expect(faultsOf(changed, id)).toEqual(['record 1 was changed']);

    await tables.send(new UpdateCommand({ TableName, Key, UpdateExpression: 'REMOVE actor' }));
    expect(faultsOf(await verify(), id)).toEqual([expect.stringMatching(/^record 1 was changed: actor /)]);

    await tables.send(new DeleteCommand({ TableName, Key }));
    expect(faultsOf(await verify(), id)).toEqual([expect.stringContaining('counts 1 records, found 0')]);

    await tables.send(new PutCommand({ TableName, Item: first }));
    expect(faultsOf(await verify(), id)).toEqual([]);
  });

  it('counts the records of standing approvals too', async () => {
    const id = `std_${randomBytes(32).toString('hex')}`;
    const draft = { action: 'standing_granted', actor: 'somebody', at: new Date().toISOString(), details: {} };
    const { record, end } = appendToChain(id, EMPTY_CHAIN, draft);
    const row = { TableName: output('ApprovalsTableName'), Key: { approval_id: id } };
    const place = { TableName: output('AuditTableName'), Key: { entity_id: id, sequence: 1 } };
    await tables.send(new PutCommand({ TableName: row.TableName, Item: { ...row.Key, ...end } }));
    await tables.send(new PutCommand({ TableName: place.TableName, Item: { ...record, hour: hourOf(record.at) } }));
    try {
      expect(faultsOf(await verify(), id)).toEqual([]);
      await tables.send(new DeleteCommand(place));
      expect(faultsOf(await verify(), id)).toEqual([expect.stringContaining('counts 1 records, found 0')]);
    } finally {
      await tables.send(new DeleteCommand(row));
      await tables.send(new DeleteCommand(place));
    }
  });

  it('is anchored hour by hour: what is put into an hour afterwards shows', async () => {
    await invoke('events/audit-anchor', {});
    const { found } = await verify();
    expect(found.anchors).toBeGreaterThan(0);
    const { execution_id: id } = await submit({ language: 'bash', code: 'echo never' });
    const at = `${found.last_anchored_hour}:30:00.000Z`;
    const forged = { entity_id: id, sequence: 99, action: 'approved', actor: 'nobody', at, details: {}, previous_hash: 'x' };
    const TableName = output('AuditTableName');
    await tables.send(new PutCommand({ TableName, Item: { ...forged, hash: 'f'.repeat(64), hour: hourOf(at) } }));
    try {
      expect(faultsOf(await verify(), id)).toContain(`record 99 was put into ${found.last_anchored_hour} after it was anchored`);
    } finally {
      await tables.send(new DeleteCommand({ TableName, Key: { entity_id: id, sequence: 99 } }));
    }
    expect(faultsOf(await verify(), id)).toEqual([]);
  });
});
