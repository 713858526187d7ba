import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { FunctionName } from '../../functions/contracts/environment.ts';
import type { Stage } from '../config.ts';
import { functionArnOf } from './functions.ts';
import type { SubjectTable } from './tables.ts';

const DEFINITIONS = join(import.meta.dirname, '../../statemachines');

/** A machine's name, and that of its definition's file. */
export type MachineName = 'execution' | 'approval-clock';

const nameOf = (stage: Stage, name: MachineName): string => `airlock-${stage.name}-${name}`;

/** Known before the machine exists: its functions are told, and it is told of them. */
export const machineArn = (scope: Construct, stage: Stage, name: MachineName): string =>
  Stack.of(scope).formatArn({
    service: 'states',
    resource: 'stateMachine',
    resourceName: nameOf(stage, name),
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });

interface Props {
  readonly stage: Stage;
  readonly name: MachineName;
  /** The functions the definition names, by its own placeholders. */
  readonly tasks: Readonly<Record<string, FunctionName>>;
  /** The tables it reads, by its own placeholders. */
  readonly tables?: Readonly<Record<string, SubjectTable>>;
  readonly encryptionKey: IKey | undefined;
}

/** One of our state machines: its definition, a role for what the definition names, and a log. The log holds ids and outcomes only: execution data is left out. */
export class StateMachine extends Construct {
  readonly machine: CfnStateMachine;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id);
    const { stage, name, tasks, tables = {} } = props;
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/vendedlogs/states/${nameOf(stage, name)}`,
      retention: stage.logRetention,
      removalPolicy: stage.removalPolicy,
      ...(props.encryptionKey ? { encryptionKey: props.encryptionKey } : {}),
    });
    const functions = Object.entries(tasks).map(
      ([placeholder, entry]) => [placeholder, functionArnOf(this, stage, entry)] as const,
    );
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      inlinePolicies: {
        tasks: new PolicyDocument({
          statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: functions.map(([, arn]) => arn) })],
        }),
        // Log delivery is set up through actions that know no resource.
        logs: new PolicyDocument({
          statements: [
            new PolicyStatement({
              actions: [
                'logs:CreateLogDelivery',
                'logs:GetLogDelivery',
                'logs:UpdateLogDelivery',
                'logs:DeleteLogDelivery',
                'logs:ListLogDeliveries',
                'logs:PutResourcePolicy',
                'logs:DescribeResourcePolicies',
                'logs:DescribeLogGroups',
              ],
              resources: ['*'],
            }),
          ],
        }),
        // X-Ray knows no resource either.
        traces: new PolicyDocument({
          statements: [
            new PolicyStatement({
              actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
              resources: ['*'],
            }),
          ],
        }),
      },
    });
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'log delivery and X-Ray know no narrower resource',
    });
    for (const table of Object.values(tables)) table.allow(role, 'GetItem');
    this.machine = new CfnStateMachine(this, 'Machine', {
      stateMachineName: nameOf(stage, name),
      stateMachineType: 'STANDARD',
      definitionString: readFileSync(join(DEFINITIONS, `${name}.asl.json`), 'utf8'),
      definitionSubstitutions: {
        ...Object.fromEntries(Object.entries(tables).map(([placeholder, table]) => [placeholder, table.tableName])),
        ...Object.fromEntries(functions),
      },
      roleArn: role.roleArn,
      loggingConfiguration: {
        level: 'ALL',
        includeExecutionData: false,
        destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: logs.logGroupArn } }],
      },
      tracingConfiguration: { enabled: !stage.isEmulated },
    });
    this.machine.node.addDependency(role);
  }

  get arn(): string {
    return this.machine.attrArn;
  }
}
