import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { FilterPattern } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { FunctionName } from '../../functions/contracts/environment.ts';
import { MESSAGE_DEAD } from '../../functions/contracts/notification.ts';
import { AUTOMATIC_RESPONSE } from '../../functions/contracts/security-event.ts';
import type { AirlockFunctions } from './airlock-functions.ts';
import type { AirlockHttpApi } from './http-api.ts';
import type { SandboxTasks } from './sandbox-tasks.ts';
import type { StateMachine } from './state-machine.ts';
import type { Triggers } from './triggers.ts';

interface Props {
  readonly functions: AirlockFunctions;
  readonly machine: StateMachine;
  readonly clock: StateMachine;
  readonly http: AirlockHttpApi;
  readonly triggers: Triggers;
  readonly sandboxes: SandboxTasks;
  readonly encryptionKey: IKey;
}

/** Functions whose faults nobody else reports. */
const WATCHED: readonly FunctionName[] = [
  'events/keeper',
  'events/reconciler',
  'events/execution-changed',
  'events/approval-changed',
  'events/approval-notify',
  'events/send-notifications',
  'events/jwks-refresher',
  'events/key-rotation',
  'events/security-monitor',
  'events/audit-anchor',
  'tasks/advance-approval',
  'tasks/issue-ticket',
  'tasks/record',
];

/** What an operator is told of. Each alarm is a section of docs/runbook.md under the same name. */
export class Alarms extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', { displayName: 'Airlock alarms', masterKey: props.encryptionKey, enforceSSL: true });
    props.encryptionKey.grant(new ServicePrincipal('cloudwatch.amazonaws.com'), 'kms:Decrypt', 'kms:GenerateDataKey*');

    const machine = (metricName: string, of = props.machine) =>
      new Metric({
        namespace: 'AWS/States',
        metricName,
        dimensionsMap: { StateMachineArn: of.arn },
        statistic: Stats.SUM,
        period: Duration.minutes(5),
      });
    this.#any(
      'machine-failed',
      machine('ExecutionsFailed'),
      'A state machine execution failed: the failure itself could not be recorded.',
    );
    this.#any('machine-timed-out', machine('ExecutionsTimedOut'), 'A state machine execution ran out of time.');
    this.#any(
      'approval-clock-failed',
      machine('ExecutionsFailed', props.clock),
      'The clocks of an approval request stopped; the reconciler starts them again.',
    );
    for (const name of WATCHED) {
      const errors = props.functions.get(name).lambda.metricErrors({ period: Duration.minutes(5) });
      this.#any(`${name.replace('/', '-')}-errors`, errors, `${name} fails.`);
    }
    this.#any(
      'dead-letters',
      props.triggers.deadLetters.metricApproximateNumberOfMessagesVisible(),
      'An event could not be handled and was set aside.',
    );
    this.#any(
      'messages-dead',
      props.functions
        .get('events/send-notifications')
        .lambda.logGroup.addMetricFilter('DeadMessages', {
          filterPattern: FilterPattern.stringValue('$.message', '=', MESSAGE_DEAD),
          metricNamespace: 'Airlock',
          metricName: 'DeadMessages',
        })
        .metric({ statistic: Stats.SUM, period: Duration.minutes(5) }),
      'A message about an approval request reached its recipient by no channel.',
    );
    this.#any(
      'api-5xx',
      props.http.api.metricServerError({ period: Duration.minutes(5) }),
      'The API answers with server errors.',
      5,
    );
    // Nobody is at the keyboard when it happens, and each of these can be taken back.
    this.#any(
      'automatic-response',
      props.functions
        .get('events/security-monitor')
        .lambda.logGroup.addMetricFilter('AutomaticResponses', {
          filterPattern: FilterPattern.stringValue('$.message', '=', AUTOMATIC_RESPONSE),
          metricNamespace: 'Airlock',
          metricName: 'AutomaticResponses',
        })
        .metric({ statistic: Stats.SUM, period: Duration.minutes(5) }),
      'The watch over security slowed somebody down, ended sessions, suspended a key or blocked an address of its own accord.',
    );
    // Without a dimension: every function of the account, because they share its concurrency.
    this.#any(
      'functions-throttled',
      new Metric({ namespace: 'AWS/Lambda', metricName: 'Throttles', statistic: Stats.SUM, period: Duration.minutes(5) }),
      'Functions were not started because the account’s concurrency is used up.',
    );
    this.#missing(
      'keeper-silent',
      props.functions.get('events/keeper').lambda.metricInvocations({ period: Duration.minutes(5) }),
      'Nobody keeps the sandbox pool: its clock has stopped.',
    );
    // An emptied pool fills again within minutes; one that stays empty does not.
    this.#missing(
      'pool-empty',
      new Metric({
        namespace: 'ECS/ContainerInsights',
        metricName: 'TaskCount',
        dimensionsMap: { ClusterName: props.sandboxes.cluster.clusterName },
        statistic: Stats.MAXIMUM,
        period: Duration.minutes(5),
      }),
      'No sandbox runs, so no code can.',
      3,
    );
  }

  #any(name: string, metric: IMetric, alarmDescription: string, threshold = 1): void {
    const comparisonOperator = ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD;
    this.#alarm(name, {
      metric,
      alarmDescription,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #missing(name: string, metric: IMetric, alarmDescription: string, evaluationPeriods = 1): void {
    const comparisonOperator = ComparisonOperator.LESS_THAN_THRESHOLD;
    this.#alarm(name, {
      metric,
      alarmDescription,
      threshold: 1,
      evaluationPeriods,
      comparisonOperator,
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  #alarm(
    name: string,
    props: {
      metric: IMetric;
      alarmDescription: string;
      threshold: number;
      evaluationPeriods: number;
      comparisonOperator: ComparisonOperator;
      treatMissingData: TreatMissingData;
    },
  ): void {
    const alarm = new Alarm(this, name, { alarmName: `airlock-${name}`, ...props });
    alarm.addAlarmAction(new SnsAction(this.topic));
  }
}
