import { ArnFormat, Duration, RemovalPolicy, SecretValue, Stack, type StackProps } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectLockRetention, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { BLOB_KEPT_DAYS, UPLOAD_KEPT_DAYS } from '../../functions/contracts/file.ts';
import { TABLES, type TableName } from '../../functions/contracts/tables.ts';
import type { Stage } from '../config.ts';
import { SubjectTable } from '../constructs/tables.ts';

/** Whoever signed it: a link has its signature in the address, or in a form; functions themselves sign in a header. */
const linksWriteNothingBut = (bucket: Bucket, kind: string): PolicyStatement =>
  new PolicyStatement({
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['s3:PutObject'],
    notResources: [bucket.arnForObjects(`${kind}/*`)],
    conditions: { StringEquals: { 's3:authType': ['REST-QUERY-STRING', 'POST'] } },
  });

const AUDIT_KEPT_DAYS = 366;

/** Versions that were written over or deleted go as well. */
const onlyFor = (days: number) => ({
  expiration: Duration.days(days),
  noncurrentVersionExpiration: Duration.days(1),
});

/** What lasts: tables, objects, keys. */
export class DataStack extends Stack {
  readonly tables: Readonly<Record<TableName, SubjectTable>>;
  readonly bucket: Bucket;
  /** Anchors of the audit: what is put there stays for a year, whoever asks for it to go. */
  readonly auditBucket: Bucket;
  /** Encrypts everything at rest; left out where encryption keys would only cost. */
  readonly encryptionKey: Key | undefined;

  /** What channels need to send, as a JSON object by the names that hitl-mcp.yaml gives; an operator fills it. */
  readonly channelsSecret: Secret;

  readonly #frontDoorSecret: Secret | undefined;
  readonly #accessLogBucket: Bucket | undefined;

  constructor(scope: Construct, id: string, props: StackProps & { readonly stage: Stage }) {
    super(scope, id, props);
    const { stage } = props;
    this.encryptionKey = stage.isEmulated ? undefined : this.#encryptionKey();
    const table = (subject: TableName) =>
      new SubjectTable(this, `${subject}Table`, { subject, stage, encryptionKey: this.encryptionKey });
    const names = Object.keys(TABLES) as TableName[];
    this.tables = Object.fromEntries(names.map((name) => [name, table(name)])) as Record<TableName, SubjectTable>;
    this.#accessLogBucket = stage.isEmulated ? undefined : this.#accessLogs();
    this.bucket = this.#bucket(stage);
    this.auditBucket = this.#auditBucket(stage);
    this.#frontDoorSecret = this.encryptionKey && this.#secret(this.encryptionKey);
    this.channelsSecret = new Secret(this, 'ChannelsSecret', {
      description: 'Airlock: tokens and signing secrets of the notification channels',
      // Written once: a later deployment leaves what an operator put there.
      secretStringValue: SecretValue.unsafePlainText('{}'),
      removalPolicy: stage.removalPolicy,
      ...(this.encryptionKey ? { encryptionKey: this.encryptionKey } : {}),
    });
  }

  /** The emulator refers to a secret by its name, and checks permissions by its ARN. */
  get channelsSecretArn(): string {
    const { secretArn: reference } = this.channelsSecret;
    if (this.encryptionKey) return reference;
    return this.formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `${reference}-*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }

  /** A reference that CloudFormation resolves when it deploys: the value is in no template. */
  get frontDoorSecret(): string {
    if (!this.#frontDoorSecret) throw new Error('this stage is given its secret from outside');
    return this.#frontDoorSecret.secretValue.unsafeUnwrap();
  }

  #secret(encryptionKey: Key): Secret {
    return new Secret(this, 'FrontDoorSecret', {
      description: 'Airlock: what the front door adds to every request',
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
      encryptionKey,
    });
  }

  #encryptionKey(): Key {
    const key = new Key(this, 'EncryptionKey', {
      description: 'Airlock data at rest',
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal(`logs.${this.region}.amazonaws.com`)],
        actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
        resources: ['*'],
        conditions: {
          ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:${this.partition}:logs:${this.region}:${this.account}:*` },
        },
      }),
    );
    // The front door's log is brought to its bucket by this service.
    key.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('delivery.logs.amazonaws.com')],
        actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
        resources: ['*'],
        conditions: {
          StringEquals: { 'aws:SourceAccount': this.account },
          ArnLike: { 'aws:SourceArn': `arn:${this.partition}:logs:${this.region}:${this.account}:delivery-source:*` },
        },
      }),
    );
    return key;
  }

  #bucket(stage: Stage): Bucket {
    const bucket = new Bucket(this, 'Data', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: !stage.isEmulated,
      versioned: !stage.isEmulated,
      ...(this.encryptionKey
        ? { encryption: BucketEncryption.KMS, encryptionKey: this.encryptionKey, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      ...(this.#accessLogBucket ? { serverAccessLogsBucket: this.#accessLogBucket } : {}),
      lifecycleRules: [
        { prefix: 'uploads/', ...onlyFor(UPLOAD_KEPT_DAYS) },
        { prefix: 'blobs/', ...onlyFor(BLOB_KEPT_DAYS) },
        // Of finished runs the archive is kept; no run lasts for days.
        { prefix: 'events/', expiration: Duration.days(7) },
        { prefix: 'archive/', expiration: Duration.days(365) },
        { prefix: 'artifacts/', expiration: Duration.days(365) },
        { noncurrentVersionExpiration: Duration.days(30), abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      removalPolicy: stage.removalPolicy,
    });
    if (!stage.isEmulated) bucket.addToResourcePolicy(linksWriteNothingBut(bucket, 'uploads'));
    return bucket;
  }

  /** Compliance mode: not even the account's root can shorten it. The emulator has no such lock. */
  #auditBucket(stage: Stage): Bucket {
    const bucket = new Bucket(this, 'Audit', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: !stage.isEmulated,
      versioned: !stage.isEmulated,
      ...(stage.isEmulated ? {} : { objectLockDefaultRetention: ObjectLockRetention.compliance(Duration.days(AUDIT_KEPT_DAYS)) }),
      ...(this.encryptionKey
        ? { encryption: BucketEncryption.KMS, encryptionKey: this.encryptionKey, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      ...(this.#accessLogBucket ? { serverAccessLogsBucket: this.#accessLogBucket, serverAccessLogsPrefix: 'audit/' } : {}),
      removalPolicy: stage.removalPolicy,
    });
    if (!stage.isEmulated) bucket.addToResourcePolicy(nobodyDeletes(bucket));
    return bucket;
  }

  #accessLogs(): Bucket {
    return new Bucket(this, 'AccessLogs', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      lifecycleRules: [{ expiration: Duration.days(90) }],
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

/** The lock keeps versions; this also keeps anybody from hiding one behind a delete marker, or from shortening what is promised. */
const nobodyDeletes = (bucket: Bucket): PolicyStatement =>
  new PolicyStatement({
    sid: 'NobodyDeletes',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [
      's3:BypassGovernanceRetention',
      's3:DeleteObject',
      's3:DeleteObjectVersion',
      's3:PutObjectLegalHold',
      's3:PutObjectRetention',
    ],
    resources: [bucket.arnForObjects('*')],
  });
