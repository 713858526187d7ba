import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { Tokens } from '../../functions/contracts/sign-in.ts';
import { approve, as, call, finished, submit } from '../support/airlock.ts';
import { output, tables } from '../support/faults.ts';
import { somebody } from '../support/people.ts';
import { type Measurement, repeat } from './measurement.ts';

/** What knowing who calls costs each request: beside one that needs to know nothing, a refusal that is written down, and a renewed session. */
export const identity: Measurement = {
  name: 'identity',
  rounds: { usual: 60, full: 400 },
  async measure(rounds) {
    const developer = await as('developer');
    const viewer = await as('viewer');
    const timed = async (ask: () => Promise<{ status: number }>, expected: number): Promise<number> => {
      const startedAt = performance.now();
      const { status } = await ask();
      if (status !== expected) throw new Error(`expected ${expected}, came ${status}`);
      return performance.now() - startedAt;
    };
    const open = () => timed(() => call('GET', '/api/v1/health'), 200);
    const known = () => timed(() => developer.call('GET', '/api/v1/me'), 200);
    const refused = () => timed(() => viewer.call('GET', '/api/v1/audit'), 403);
    await Promise.all([open(), known(), refused()]);
    // In turn, so that whatever else the machine does falls on all of them alike.
    const rows = await repeat(rounds, async () => ({ open: await open(), known: await known(), refused: await refused() }));
    const baseline = { what: 'GET /health: no credential, limits by address alone', samples: rows.map((row) => row.open) };
    return [
      { what: 'a signed-in request, whole: GET /me', unit: 'ms', samples: rows.map((row) => row.known), bars: [], baseline },
      {
        what: '  what token, identity, restrictions, limits and permission add',
        unit: 'ms',
        samples: rows.map((row) => row.known - row.open),
        bars: [],
      },
      {
        what: '  what a refusal with its security event adds to that',
        unit: 'ms',
        samples: rows.map((row) => row.refused - row.known),
        bars: [{ quantile: 'p95', atMost: 100 }],
      },
      {
        what: 'POST /auth/refresh: a session renewed',
        unit: 'ms',
        samples: await refreshes(Math.ceil(rounds / 4)),
        bars: [{ quantile: 'p95', atMost: 200 }],
      },
      { what: 'audit of an approved run, all its records', unit: 'KB', samples: [await auditSize()], bars: [] },
    ];
  },
};

async function refreshes(rounds: number): Promise<number[]> {
  const person = await somebody('developer');
  let refresh_token = person.refreshToken;
  return await repeat(rounds, async () => {
    const startedAt = performance.now();
    const answer = await call<Tokens>('POST', '/api/v1/auth/refresh', { refresh_token });
    const took = performance.now() - startedAt;
    if (answer.status !== 200) throw new Error(`the refresh answered ${answer.status}`);
    refresh_token = answer.body.refresh_token;
    return took;
  });
}

/** As the records are stored, of the run and of its request. */
async function auditSize(): Promise<number> {
  const submitted = await submit({ language: 'python', code: 'print(1)', approval_required: true, label: 'bench' });
  await approve(submitted);
  await finished(submitted.execution_id);
  const sizes = await Promise.all([submitted.execution_id, submitted.approval_id].map(recordsSize));
  return sizes.reduce((sum, size) => sum + size, 0) / 1000;
}

async function recordsSize(entityId: string | null): Promise<number> {
  const { Items = [] } = await tables.send(
    new QueryCommand({
      TableName: output('AuditTableName'),
      KeyConditionExpression: 'entity_id = :id',
      ExpressionAttributeValues: { ':id': entityId },
      ConsistentRead: true,
    }),
  );
  return Items.reduce((sum, item) => sum + Buffer.byteLength(JSON.stringify(item)), 0);
}
