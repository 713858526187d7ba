import { AttributeType, Billing, ProjectionType, StreamViewType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { type IGrantable, PolicyStatement, type PolicyStatementProps } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { type IndexShape, TABLES, type TableName } from '../../functions/contracts/tables.ts';
import type { Stage } from '../config.ts';

export const TABLE_ACTIONS = ['GetItem', 'BatchGetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query'] as const;
export type TableAction = (typeof TABLE_ACTIONS)[number];

const READS: readonly TableAction[] = ['GetItem', 'BatchGetItem', 'Query'];
const isWrite = (action: TableAction): boolean => !READS.includes(action);

const keyType = (type: 'string' | 'number' = 'string') => (type === 'number' ? AttributeType.NUMBER : AttributeType.STRING);

/** One subject's table as its contract describes it. */
export class SubjectTable extends Construct {
  readonly table: TableV2;
  readonly #hasIndexes: boolean;

  constructor(
    scope: Construct,
    id: string,
    props: { readonly subject: TableName; readonly stage: Stage; readonly encryptionKey: IKey | undefined },
  ) {
    super(scope, id);
    const shape: (typeof TABLES)[TableName] & {
      readonly sortKey?: string;
      readonly sortKeyType?: 'string' | 'number';
      readonly stream?: boolean;
      readonly timeToLive?: string;
    } = TABLES[props.subject];
    const indexes: [string, IndexShape][] = Object.entries(shape.indexes);
    this.#hasIndexes = indexes.length > 0;
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: shape.partitionKey, type: AttributeType.STRING },
      ...(shape.sortKey ? { sortKey: { name: shape.sortKey, type: keyType(shape.sortKeyType) } } : {}),
      ...(shape.timeToLive ? { timeToLiveAttribute: shape.timeToLive } : {}),
      ...(shape.stream ? { dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES } : {}),
      globalSecondaryIndexes: indexes.map(([indexName, index]) => ({
        indexName,
        partitionKey: { name: index.partitionKey, type: AttributeType.STRING },
        sortKey: { name: index.sortKey, type: AttributeType.STRING },
        projectionType: index.keysOnly ? ProjectionType.KEYS_ONLY : ProjectionType.ALL,
      })),
      billing: Billing.onDemand(),
      encryption: props.encryptionKey
        ? TableEncryptionV2.customerManagedKey(props.encryptionKey)
        : TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: !props.stage.isEmulated },
      deletionProtection: !props.stage.isEmulated,
      removalPolicy: props.stage.removalPolicy,
    });
  }

  get tableName(): string {
    return this.table.tableName;
  }

  /** Exactly these actions on this table, and on its indexes where something is queried. */
  allow(grantee: IGrantable, ...actions: TableAction[]): void {
    this.#allow(grantee, actions);
  }

  /** The same for items whose partition key is like this. */
  allowOn(partitionKeys: string | readonly string[], grantee: IGrantable, ...actions: TableAction[]): void {
    this.#allow(grantee, actions, { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [partitionKeys].flat() } });
  }

  /** The same, and of those items only these attributes; `UpdateItem` must not answer with the others either. */
  allowAttributes(partitionKeys: string, attributes: readonly string[], grantee: IGrantable, ...actions: TableAction[]): void {
    this.#allow(grantee, actions, {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [partitionKeys] },
      'ForAllValues:StringEquals': { 'dynamodb:Attributes': [...attributes] },
      StringEqualsIfExists: { 'dynamodb:ReturnValues': ['NONE', 'UPDATED_OLD', 'UPDATED_NEW'] },
    });
  }

  #allow(grantee: IGrantable, actions: TableAction[], conditions?: PolicyStatementProps['conditions']): void {
    const resources = [
      this.table.tableArn,
      ...(this.#hasIndexes && actions.includes('Query') ? [`${this.table.tableArn}/index/*`] : []),
    ];
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: actions.map((action) => `dynamodb:${action}`).sort(),
        resources,
        ...(conditions ? { conditions } : {}),
      }),
    );
    const { encryptionKey } = this.table;
    if (!encryptionKey) return;
    encryptionKey.grant(grantee, 'kms:Decrypt', 'kms:DescribeKey');
    if (!actions.some(isWrite)) return;
    encryptionKey.grant(grantee, 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo');
  }
}
