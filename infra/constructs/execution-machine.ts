import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Stage } from '../config.ts';
import { functionArnOf } from './functions.ts';
import type { SubjectTable } from './tables.ts';

const DEFINITION = join(import.meta.dirname, '../../statemachines/execution.asl.json');

/** The functions the definition names, by its own placeholders. */
export const MACHINE_TASKS = {
  AwaitApprovalFunction: 'tasks/await-approval',
  JoinLineFunction: 'tasks/join-line',
  ClaimSandboxFunction: 'tasks/claim-sandbox',
  IssueTicketFunction: 'tasks/issue-ticket',
  RunInSandboxFunction: 'tasks/run-in-sandbox',
  RecordFunction: 'tasks/record',
} as const;

const nameOf = (stage: Stage): string => `airlock-${stage.name}-execution`;

/** Known before the machine exists: its functions are told, and it is told of them. */
export const executionMachineArn = (scope: Construct, stage: Stage): string =>
  Stack.of(scope).formatArn({
    service: 'states',
    resource: 'stateMachine',
    resourceName: nameOf(stage),
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });

interface Props {
  readonly stage: Stage;
  readonly executions: SubjectTable;
  readonly approvals: SubjectTable;
  readonly encryptionKey: IKey | undefined;
}

/** The state machine `execution`. Its log holds ids and outcomes only: execution data is left out. */
export class ExecutionMachine extends Construct {
  readonly machine: CfnStateMachine;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id);
    const { stage, executions, approvals } = props;
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/vendedlogs/states/${nameOf(stage)}`,
      retention: stage.logRetention,
      removalPolicy: stage.removalPolicy,
      ...(props.encryptionKey ? { encryptionKey: props.encryptionKey } : {}),
    });
    const functions = Object.entries(MACHINE_TASKS).map(
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
    executions.allow(role, 'GetItem');
    approvals.allow(role, 'GetItem');
    this.machine = new CfnStateMachine(this, 'Machine', {
      stateMachineName: nameOf(stage),
      stateMachineType: 'STANDARD',
      definitionString: readFileSync(DEFINITION, 'utf8'),
      definitionSubstitutions: {
        ExecutionsTable: executions.tableName,
        ApprovalsTable: approvals.tableName,
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
