/** The stores of the product against real tables: like the product's, and nobody else's, since a row there is work for somebody. */
import { randomUUID } from 'node:crypto';
import {
  type AttributeDefinition,
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  type KeySchemaElement,
} from '@aws-sdk/client-dynamodb';
import { afterAll } from 'vitest';
import { TABLES, type TableName } from '../../functions/contracts/tables.ts';
import { apiKeyStoreContract } from '../contract/api-key-store.ts';
import { approvalStoreContract } from '../contract/approval-store.ts';
import { deliveryStoreContract } from '../contract/delivery-store.ts';
import { executionStoreContract } from '../contract/execution-store.ts';
import { identityStoreContract } from '../contract/identity-store.ts';
import { objectStoreContract } from '../contract/object-store.ts';
import { sandboxStoreContract } from '../contract/sandbox-store.ts';
import { uploadStoreContract } from '../contract/upload-store.ts';
import { output, settings } from '../support/faults.ts';

// The adapters' client is made when they are loaded, and finds its cloud in the environment, as in a function.
process.env.AWS_ENDPOINT_URL = settings.endpoint;
process.env.AWS_REGION = settings.region;
process.env.AWS_ACCESS_KEY_ID = settings.credentials.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = settings.credentials.secretAccessKey;
const { dynamoApiKeys } = await import('../../functions/adapters/dynamo/api-keys.ts');
const { dynamoApprovals } = await import('../../functions/adapters/dynamo/approvals.ts');
const { dynamoExecutions } = await import('../../functions/adapters/dynamo/executions.ts');
const { dynamoIdentities } = await import('../../functions/adapters/dynamo/identities.ts');
const { dynamoDeliveries } = await import('../../functions/adapters/dynamo/notifications.ts');
const { dynamoSandboxes } = await import('../../functions/adapters/dynamo/sandboxes.ts');
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
  const indexes = Object.entries<{ partitionKey: string; sortKey: string }>(shape.indexes);
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
          Projection: { ProjectionType: 'ALL' as const },
        })),
      }),
    }),
  );
}

await Promise.all(names.map(create));
afterAll(() => Promise.all(names.map((table) => dynamo.send(new DeleteTableCommand({ TableName: nameOf(table) })))));

const executions = { executions: nameOf('executions'), audit: nameOf('audit'), ephemera: nameOf('ephemera') };
executionStoreContract('DynamoDB', async () => dynamoExecutions(executions));
sandboxStoreContract('DynamoDB', async () => dynamoSandboxes(nameOf('sandboxes')), { runs: 10 });
approvalStoreContract('DynamoDB', async () => dynamoApprovals({ approvals: nameOf('approvals'), audit: nameOf('audit') }));
apiKeyStoreContract('DynamoDB', async () => dynamoApiKeys({ identity: nameOf('identity'), audit: nameOf('audit') }));
identityStoreContract('DynamoDB', async () => dynamoIdentities({ identity: nameOf('identity'), audit: nameOf('audit') }));
uploadStoreContract('DynamoDB', async () => dynamoUploads(nameOf('ephemera')));
deliveryStoreContract('DynamoDB', async () => dynamoDeliveries(nameOf('notifications')));
objectStoreContract('S3', async () => s3Objects(output('DataBucketName')));
