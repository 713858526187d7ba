/** A ticket or manifest exchanged between the gate and the sandbox, by somebody who could write where they lie. */
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { approve, finished, status, submit, until } from '../support/airlock.ts';
import { executionRow, output, runTicket, tables, withVariable } from '../support/faults.ts';

/** Runs `meddle` while the dispatcher cannot begin, after the gate has signed. */
async function betweenGateAndSandbox(meddle: (executionId: string) => Promise<void>) {
  const submitted = await submit({ language: 'python', code: 'print("must not be seen")' });
  await withVariable('tasks/run-in-sandbox', 'EXECUTIONS_TABLE', 'not-there', async () => {
    await approve(submitted);
    await until('the ticket', () => runTicket(submitted.execution_id));
    await meddle(submitted.execution_id);
  });
  return await finished(submitted.execution_id);
}

const putTicket = (executionId: string, ticket: string) =>
  tables.send(
    new PutCommand({ TableName: output('EphemeraTableName'), Item: { pk: `run-ticket#${executionId}`, sk: '1', ticket } }),
  );

describe('the sandbox refuses, and the execution fails without output', () => {
  it('a ticket that nobody signed', async () => {
    const forged = [{ alg: 'ES256', typ: 'airlock-run+jwt', kid: 'x' }, { aud: 'x' }].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    const result = await betweenGateAndSandbox(async (id) => void (await putTicket(id, `${forged.join('.')}.${'A'.repeat(86)}`)));
    expect(result).toMatchObject({ status: 'failed', error: { code: 'ticket_invalid' }, output: '' });
  });

  it('a ticket of another execution, which another sandbox was meant to use', async () => {
    const other = await submit({ language: 'python', code: 'print("other")' });
    await approve(other);
    await finished(other.execution_id);
    const stolen = await runTicket(other.execution_id);
    const result = await betweenGateAndSandbox(async (id) => void (await putTicket(id, String(stolen))));
    expect(result).toMatchObject({ status: 'failed', error: { code: 'ticket_invalid' }, output: '' });
  });

  it('other bytes than those that were approved', async () => {
    const s3 = new S3Client({
      endpoint: status.emulator_url,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    const result = await betweenGateAndSandbox(async (id) => {
      const { manifest_key } = await executionRow(id);
      await s3.send(new PutObjectCommand({ Bucket: output('DataBucketName'), Key: String(manifest_key), Body: '{"version":1}' }));
    });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'digest_mismatch' }, output: '' });
  });
});
