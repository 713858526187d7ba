/**
 * `npm run audit:verify [-- --json]`: the audit of the local instance, or with `--outputs <file of cdk deploy --outputs-file>` that of the
 * account and region of the caller's own AWS credentials. Reads only.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, paginateQuery, paginateScan } from '@aws-sdk/lib-dynamodb';
import { type AuditedEntity, type Verification, type VerificationParts, verifyAudit } from '../functions/core/audit/verify.ts';
import { cloudEnvironment } from '../local/cloud.ts';
import { LocalCloudFailure } from '../local/failure.ts';
import { instanceNameFrom, readInstance } from '../local/instance.ts';
import { bold, green, red, say } from '../local/progress.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, outputs: { type: 'string' } } });
try {
  const found = await verify(
    values.outputs ?? useLocalInstance(),
    values.json ? () => {} : (what, count) => say(`  ${count} ${what}`),
  );
  if (values.json) console.log(JSON.stringify(found, null, 2));
  else print(found);
  process.exitCode = found.faults.length === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof LocalCloudFailure)) throw error;
  console.error(`\n${red('airlock:')} ${error.message}`);
  process.exitCode = 2;
}

async function verify(outputsFile: string, progress: VerificationParts['progress']): Promise<Verification> {
  return await verifyAudit(await partsFor(outputsIn(outputsFile), progress));
}

/** Points the SDK at the instance's own cloud. */
function useLocalInstance(): string {
  const name = instanceNameFrom(process.env);
  const instance = readInstance(name);
  if (!instance)
    throw new LocalCloudFailure(`There is no instance ${name} here. Start it with npm start, or name --outputs of a deployment.`);
  Object.assign(process.env, cloudEnvironment(instance));
  return join(instance.directory, 'stack-outputs.json');
}

function print({ entities, records, anchors, last_anchored_hour: last, faults }: Verification): void {
  say(`${records} records of ${entities} entities; ${anchors} anchored hours, the last ${last ?? 'none yet'}`);
  for (const { where, fault } of faults) say(`${red('✗')} ${where}: ${fault}`);
  say(faults.length === 0 ? `${green('✓')} ${bold('Every record is where and what it was.')}` : bold(`${faults.length} faults`));
}

/** What `cdk deploy --outputs-file` wrote. */
function outputsIn(file: string): (name: string) => string {
  const stacks = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string>>;
  const outputs: Record<string, string> = Object.assign({}, ...Object.values(stacks));
  return (name) => {
    const value = outputs[name];
    if (!value) throw new LocalCloudFailure(`${file} has no output ${name}. Deploy this version first.`);
    return value;
  };
}

async function partsFor(
  output: (name: string) => string,
  progress: (what: string, count: number) => void,
): Promise<VerificationParts> {
  // Their clients are made when they are loaded, from the environment.
  const { dynamoAuditItems } = await import('../functions/adapters/dynamo/audit.ts');
  const { lockedVersions } = await import('./locked-versions.ts');
  const documents = DynamoDBDocumentClient.from(new DynamoDBClient({}));
  // Responses to threats, and resets of limits, lie under one partition each of a table of their own.
  const security = output('SecurityTableName');
  const partitions = [
    { pk: 'responses', prefix: 'rsp_' },
    { pk: 'limit-resets', prefix: 'rst_' },
  ];
  const tables = [
    { table: output('ExecutionsTableName'), key: 'execution_id', is: (id: string) => id.startsWith('exec_') },
    { table: output('ApprovalsTableName'), key: 'approval_id', is: (id: string) => /^(apr|std)_/.test(id) },
    { table: output('IdentityTableName'), key: 'identity_id', is: (id: string) => /^(user#|key_)/.test(id) },
  ];
  const entityOf = (id: unknown, row: Record<string, unknown>): AuditedEntity => ({
    entity_id: String(id),
    audit_length: Number(row.audit_length ?? 0),
    audit_head: String(row.audit_head ?? ''),
  });

  async function* entities(): AsyncGenerator<AuditedEntity> {
    for (const { table, key, is } of tables) {
      const pages = paginateScan(
        { client: documents },
        {
          TableName: table,
          ConsistentRead: true,
          ProjectionExpression: '#key, audit_length, audit_head',
          ExpressionAttributeNames: { '#key': key },
        },
      );
      for await (const { Items } of pages) {
        for (const row of Items ?? []) // A kind of row this list does not know is looked at when it counts records.
          if (is(String(row[key])) || row.audit_length !== undefined) yield entityOf(row[key], row);
      }
    }
    for (const { pk } of partitions) {
      const query = { TableName: security, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': pk } };
      for await (const { Items } of paginateQuery({ client: documents }, { ...query, ConsistentRead: true }))
        for (const row of Items ?? []) yield entityOf(row.sk, row);
    }
  }

  async function entity(id: string): Promise<AuditedEntity | null> {
    const known = tables.find(({ is }) => is(id));
    const partition = partitions.find(({ prefix }) => id.startsWith(prefix));
    const places = (known ? [known] : tables).map(({ table, key }) => ({ table, keys: { [key]: id } }));
    for (const { table, keys } of partition ? [{ table: security, keys: { pk: partition.pk, sk: id } }] : places) {
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key: keys, ConsistentRead: true }));
      if (Item) return entityOf(id, Item);
    }
    return null;
  }

  return {
    audit: dynamoAuditItems(output('AuditTableName')),
    locked: await lockedVersions(output('AuditBucketName')),
    entities,
    entity,
    now: () => new Date(),
    progress,
  };
}
