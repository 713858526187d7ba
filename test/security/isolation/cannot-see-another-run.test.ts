import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { approve, finished, inPhase, submit } from '../../support/airlock.ts';
import { executionRow, output, runTicket, tables } from '../../support/faults.ts';
import { readManifestBytes } from './stored.ts';
import { program, runForJson } from './support.ts';

interface Answer {
  readonly found: readonly string[];
  readonly left: readonly string[];
  readonly kept: readonly string[];
  readonly uid: number;
  readonly strangers: readonly number[];
}

const leaving = (...args: string[]) => ({ language: 'python' as const, code: program('traces.py'), args });

describe('a run cannot see or disturb another', () => {
  it('by what an earlier one left: files, shared memory, queues, semaphores', async () => {
    const { answer: first } = await runForJson<Answer>(leaving('first'));
    expect(first.left, 'where a run can write at all').toContain('/tmp');
    expect(first.kept, 'System V and POSIX queues it could make').toEqual([]);
    for (const name of ['second', 'third']) {
      const { answer } = await runForJson<Answer>(leaving(name));
      expect(answer.found).toEqual([]);
    }
  });

  it('at the same time: each has a user id of its own, and sees no process but its own and the supervisor’s', async () => {
    const answers = await Promise.all(['left', 'right'].map((name) => runForJson<Answer>(leaving(name, '3'))));
    const [left, right] = answers.map(({ answer }) => answer);
    expect(left?.uid).not.toBe(right?.uid);
    for (const { answer } of answers) {
      expect(answer.strangers).toEqual([]);
      expect(answer.found).toEqual([]);
    }
  });
});

describe('a task never serves twice', () => {
  it('not while its run goes on, and not with the very ticket it took', async () => {
    const submitted = await submit({ language: 'python', code: 'import time; time.sleep(5); print("once")' });
    await approve(submitted);
    await inPhase(submitted.execution_id, 'running');
    const { sandbox_id } = await executionRow(submitted.execution_id);
    const { Item } = await tables.send(new GetCommand({ TableName: output('SandboxesTableName'), Key: { sandbox_id } }));
    const ticket = await runTicket(submitted.execution_id);
    const manifest_base64 = Buffer.from(await readManifestBytes(submitted.execution_id)).toString('base64');
    const again = await fetch(`http://${Item?.address}:8090/runs`, {
      method: 'POST',
      body: JSON.stringify({ ticket, manifest_base64 }),
    });
    expect(again.status).toBeGreaterThanOrEqual(400);
    expect(await again.json()).toMatchObject({ code: 'sandbox_used' });
    expect(await finished(submitted.execution_id)).toMatchObject({ status: 'completed', output: 'once\n' });
  });
});
