/** The stores of the product against real tables: like the product's, and nobody else's, since a row there is work for somebody. */
import { randomUUID } from 'node:crypto';
import {
  type AttributeDefinition,
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DynamoDBClient,
  type KeySchemaElement,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, expect, it } from 'vitest';
import type { Execution } from '../../functions/contracts/execution.ts';
import { type IndexShape, TABLES, type TableName } from '../../functions/contracts/tables.ts';
import { appendToChain, EMPTY_CHAIN } from '../../functions/core/audit/chain.ts';
import { MOST_KEY_NETWORKS } from '../../functions/core/identity/key-networks.ts';
import { queued } from '../../functions/core/notification/queue.ts';
import { apiKeyStoreContract } from '../contract/api-key-store.ts';
import { approvalStoreContract } from '../contract/approval-store.ts';
import { deliveryStoreContract } from '../contract/delivery-store.ts';
import { executionStoreContract } from '../contract/execution-store.ts';
import { identityStoreContract } from '../contract/identity-store.ts';
import { linkStoreContract } from '../contract/link-store.ts';
import { objectStoreContract } from '../contract/object-store.ts';
import { sandboxStoreContract } from '../contract/sandbox-store.ts';
import { securityStoreContract } from '../contract/security-store.ts';
import { uploadStoreContract } from '../contract/upload-store.ts';
import { newExecutionId, openApprovalOf, queuedExecution } from '../support/entities.ts';
import { output, settings } from '../support/faults.ts';
import { noticeOf } from '../support/notices.ts';

// The adapters' client is made when they are loaded, and finds its cloud in the environment, as in a function.
process.env.AWS_ENDPOINT_URL = settings.endpoint;
process.env.AWS_REGION = settings.region;
process.env.AWS_ACCESS_KEY_ID = settings.credentials.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = settings.credentials.secretAccessKey;
const { dynamoApiKeys, dynamoKeyUsage } = await import('../../functions/adapters/dynamo/api-keys.ts');
const { dynamoApprovals } = await import('../../functions/adapters/dynamo/approvals.ts');
const { dynamoExecutions } = await import('../../functions/adapters/dynamo/executions.ts');
const { dynamoIdentities } = await import('../../functions/adapters/dynamo/identities.ts');
const { dynamoDeliveries } = await import('../../functions/adapters/dynamo/notifications.ts');
const { dynamoPersonalLinks, dynamoVisits } = await import('../../functions/adapters/dynamo/personal-links.ts');
const { dynamoSandboxes } = await import('../../functions/adapters/dynamo/sandboxes.ts');
const { dynamoSecurityEvents } = await import('../../functions/adapters/dynamo/security-events.ts');
const { dynamoAdminAddresses, dynamoRestrictions, dynamoSecurityResponses } = await import(
  '../../functions/adapters/dynamo/security.ts'
);
const { dynamoUploads } = await import('../../functions/adapters/dynamo/uploads.ts');
const { s3Objects } = await import('../../functions/adapters/s3/objects.ts');

const dynamo = new DynamoDBClient(settings);
const suffix = randomUUID().slice(0, 8);
const names = [
  'executions',
  'sandboxes',
  'approvals',
  'audit',
  'ephemera',
  'identity',
  'notifications',
  'security',
] as const satisfies TableName[];
const nameOf = (table: (typeof names)[number]): string => `contract-${table}-${suffix}`;

async function create(table: (typeof names)[number]): Promise<void> {
  const shape = TABLES[table];
  const sortKey = 'sortKey' in shape ? shape.sortKey : undefined;
  const numbers: readonly (string | undefined)[] = 'sortKeyType' in shape ? [sortKey] : [];
  const keysOf = (partition: string, sort: string | undefined): KeySchemaElement[] => [
    { AttributeName: partition, KeyType: 'HASH' },
    ...(sort ? [{ AttributeName: sort, KeyType: 'RANGE' as const }] : []),
  ];
  const indexes = Object.entries<IndexShape>(shape.indexes);
  const attributes = new Set([
    shape.partitionKey,
    sortKey,
    ...indexes.flatMap(([, index]) => [index.partitionKey, index.sortKey]),
  ]);
  const definitions = [...attributes].flatMap((name): AttributeDefinition[] =>
    name ? [{ AttributeName: name, AttributeType: numbers.includes(name) ? 'N' : 'S' }] : [],
  );
  await dynamo.send(
    new CreateTableCommand({
      TableName: nameOf(table),
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: definitions,
      KeySchema: keysOf(shape.partitionKey, sortKey),
      ...(indexes.length > 0 && {
        GlobalSecondaryIndexes: indexes.map(([IndexName, index]) => ({
          IndexName,
          KeySchema: keysOf(index.partitionKey, index.sortKey),
          Projection: { ProjectionType: index.keysOnly ? ('KEYS_ONLY' as const) : ('ALL' as const) },
        })),
      }),
    }),
  );
}

await Promise.all(names.map(create));
afterAll(() => Promise.all(names.map((table) => dynamo.send(new DeleteTableCommand({ TableName: nameOf(table) })))));

const executions = { executions: nameOf('executions'), audit: nameOf('audit'), ephemera: nameOf('ephemera') };
executionStoreContract('DynamoDB', async () => dynamoExecutions(executions));

it('a row that cannot be read hides none behind it, and is told of', async () => {
  const store = dynamoExecutions(executions);
  const torn = newExecutionId();
  await dynamo.send(
    new PutItemCommand({
      TableName: nameOf('executions'),
      Item: { execution_id: { S: torn }, open_phase: { S: 'awaiting_approval' }, updated_at: { S: '2020-01-01T00:00:00.000Z' } },
    }),
  );
  const { queued_at: _, ...common } = queuedExecution();
  const whole: Execution = { ...common, phase: 'awaiting_approval', status: 'pending' };
  const submitted = { action: 'submitted', actor: 'user-1', at: whole.created_at, details: {} };
  await store.create(whole, appendToChain(whole.execution_id, EMPTY_CHAIN, submitted).record, null);
  const unreadable: string[] = [];
  const read: string[] = [];
  for await (const row of store.everyOpen('awaiting_approval', (id) => unreadable.push(id))) read.push(row.execution_id);
  expect(unreadable).toEqual([torn]);
  expect(read).toEqual([whole.execution_id]);
});

it('a response that cannot be read is named, and hides no other', async () => {
  const torn = `rsp_${randomUUID()}`;
  const table = nameOf('security');
  const subject = { S: `address ${torn}` };
  await dynamo.send(new PutItemCommand({ TableName: table, Item: { pk: { S: 'responses' }, sk: { S: torn }, subject } }));
  const unreadable: string[] = [];
  const store = dynamoSecurityResponses({ security: table, audit: nameOf('audit') }, (row) => unreadable.push(row));
  const listed: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof store.list>> = await store.list(200, cursor);
    listed.push(...page.items.map(({ response_id }) => response_id));
    cursor = page.cursor;
  } while (cursor !== null);
  await dynamo.send(new DeleteItemCommand({ TableName: table, Key: { pk: { S: 'responses' }, sk: { S: torn } } }));
  expect(unreadable).toEqual([torn]);
  expect(listed).not.toContain(torn);
});

it('a key’s uses tell a network it was never used from, once, and remember a few dozen', async () => {
  const usage = dynamoKeyUsage(nameOf('ephemera'));
  const keyId = `key_${randomUUID()}`;
  const start = Date.now();
  const use = (address: string, seconds: number) => usage.note(keyId, address, new Date(start + seconds * 1000));
  expect(await use('192.0.2.1', 0)).toBe('noted');
  expect(await use('192.0.2.200', 1)).toBe('noted');
  expect(await use('198.51.100.1', 2)).toBe('new_network');
  expect(await use('198.51.100.1', 3)).toBe('noted');
  expect(await use('2001:db8:5:6::1', 4)).toBe('new_network');
  expect(await use('2001:db8:5:7::1', 70)).toBe('noted');
  for (let n = 0; n < MOST_KEY_NETWORKS; n += 1) expect(await use(`203.0.${n}.1`, 71 + n)).toBe('new_network');
  expect(await use('203.0.0.1', 180)).toBe('noted');
  expect(await use('192.0.2.1', 181)).toBe('new_network');
  expect((await usage.of([keyId])).get(keyId)).toMatchObject({ last_used_address: '192.0.2.1' });
});

sandboxStoreContract('DynamoDB', async () => dynamoSandboxes(nameOf('sandboxes')), { runs: 10 });
approvalStoreContract('DynamoDB', async () => dynamoApprovals({ approvals: nameOf('approvals'), audit: nameOf('audit') }));
apiKeyStoreContract('DynamoDB', async () => dynamoApiKeys({ identity: nameOf('identity'), audit: nameOf('audit') }));
identityStoreContract('DynamoDB', async () => dynamoIdentities({ identity: nameOf('identity'), audit: nameOf('audit') }));
const neverUnreadable = (row: string): never => {
  throw new Error(`${row} could not be read`);
};
securityStoreContract('DynamoDB', async () => ({
  events: dynamoSecurityEvents(nameOf('security'), neverUnreadable),
  responses: dynamoSecurityResponses({ security: nameOf('security'), audit: nameOf('audit') }, neverUnreadable),
  restrictions: dynamoRestrictions(nameOf('security')),
  adminAddresses: dynamoAdminAddresses(nameOf('security')),
}));
linkStoreContract('DynamoDB', async () => ({
  links: dynamoPersonalLinks(nameOf('ephemera')),
  visits: dynamoVisits(nameOf('ephemera')),
}));
uploadStoreContract('DynamoDB', async () => dynamoUploads(nameOf('ephemera')));
// With so few rows a page that one answer does not hold what there is.
deliveryStoreContract('DynamoDB', async () => dynamoDeliveries(nameOf('notifications'), neverUnreadable, 3));

it('messages that are due are found though one row cannot be read, which is told', async () => {
  const table = nameOf('notifications');
  const unreadable: string[] = [];
  const store = dynamoDeliveries(table, (row) => unreadable.push(row));
  const row = queued(noticeOf(openApprovalOf(), 1), { kind: 'place', name: '#room' }, 'slack', new Date('2001-01-02'));
  const item = {
    subject: 'apr_of-another-time',
    item: 'dlv_of-another-time',
    queue: 'messages',
    due_at: '2001-01-01T00:00:00.000Z',
  };
  const Item = Object.fromEntries(Object.entries(item).map(([name, value]) => [name, { S: value }]));
  await dynamo.send(new PutItemCommand({ TableName: table, Item }));
  await store.create(row);
  expect(await store.listDue(new Date('2001-01-03'), 10)).toEqual([row]);
  expect(await store.listOf(item.subject)).toEqual([]);
  expect(unreadable).toEqual([item.item, item.item]);
});
objectStoreContract('S3', async () => s3Objects(output('DataBucketName')));
