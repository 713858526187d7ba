import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as FunctionTarget } from 'aws-cdk-lib/aws-events-targets';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { FunctionName } from '../../functions/contracts/environment.ts';
import type { Stage } from '../config.ts';
import type { AirlockFunction } from './functions.ts';
import type { SandboxTasks } from './sandbox-tasks.ts';
import type { SubjectTable } from './tables.ts';

/** What calls functions besides the API and the state machine: tables' streams, the clock, and ECS. What none could handle is kept. */
export class Triggers extends Construct {
  readonly deadLetters: Queue;
  readonly #stage: Stage;

  constructor(scope: Construct, id: string, props: { readonly stage: Stage; readonly encryptionKey: IKey | undefined }) {
    super(scope, id);
    this.#stage = props.stage;
    // EventBridge sets aside what it could not deliver, in a queue that only key holders can write to.
    props.encryptionKey?.grant(new ServicePrincipal('events.amazonaws.com'), 'kms:Decrypt', 'kms:GenerateDataKey');
    this.deadLetters = new Queue(this, 'DeadLetters', {
      retentionPeriod: Duration.days(14),
      enforceSSL: true,
      ...(props.encryptionKey ? { encryption: QueueEncryption.KMS, encryptionMasterKey: props.encryptionKey } : {}),
    });
  }

  /** Ten tries over a minute or so, then the record is set aside; the reconciler mends what it would have done. */
  onChangeOf(table: SubjectTable, receiver: AirlockFunction<FunctionName>): void {
    receiver.lambda.addEventSource(
      new DynamoEventSource(table.table, {
        startingPosition: StartingPosition.TRIM_HORIZON,
        batchSize: 10,
        reportBatchItemFailures: true,
        retryAttempts: 10,
        maxRecordAge: Duration.hours(1),
        bisectBatchOnError: true,
        onFailure: new SqsDlq(this.deadLetters),
      }),
    );
  }

  every(interval: Duration, receiver: AirlockFunction<FunctionName>): void {
    new Rule(this, `${receiver.entry.replace('/', '-')}-clock`, {
      schedule: Schedule.rate(interval),
      targets: [
        new FunctionTarget(receiver.lambda, { deadLetterQueue: this.deadLetters, retryAttempts: 2, maxEventAge: interval }),
      ],
    });
  }

  /** The emulator sends no such events; there the keeper looks by itself. */
  onTaskChangeOf(sandboxes: SandboxTasks, receiver: AirlockFunction<FunctionName>): void {
    if (this.#stage.isEmulated) return;
    new Rule(this, 'TaskChanges', {
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        detail: { clusterArn: [sandboxes.cluster.clusterArn], lastStatus: ['RUNNING', 'STOPPED'] },
      },
      targets: [
        new FunctionTarget(receiver.lambda, {
          deadLetterQueue: this.deadLetters,
          retryAttempts: 2,
          maxEventAge: Duration.minutes(10),
        }),
      ],
    });
  }
}
