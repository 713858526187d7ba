import { ArnFormat, type Duration, Stack } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, type PolicyStatementProps, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Code, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { FunctionEnvironment, FunctionName } from '../../functions/contracts/environment.ts';
import type { Stage } from '../config.ts';

/** Where a function that must reach sandboxes or Valkey stands. */
export interface Placement {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  readonly securityGroup: ISecurityGroup;
}

export interface FunctionSettings {
  readonly stage: Stage;
  readonly bundleOf: (name: FunctionName) => string;
  readonly encryptionKey: IKey | undefined;
}

interface Props<N extends FunctionName> {
  readonly settings: FunctionSettings;
  readonly entry: N;
  readonly environment: FunctionEnvironment<N>;
  readonly timeout: Duration;
  readonly memoryMegabytes?: number;
  /** Left out: outside any VPC. */
  readonly placement?: Placement | undefined;
}

/** The name of a function, known before it exists: functions call each other in circles. */
export const functionNameOf = (stage: Stage, entry: FunctionName): string => `airlock-${stage.name}-${entry.replace('/', '-')}`;

export const functionArnOf = (scope: Construct, stage: Stage, entry: FunctionName): string =>
  Stack.of(scope).formatArn({
    service: 'lambda',
    resource: 'function',
    resourceName: functionNameOf(stage, entry),
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });

/** What Lambda does to put a function into a network; the actions know no narrower resource before the interface exists. */
const NETWORK_INTERFACES = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
];

/** One of our functions: its bundle, its role without anything it was not given, its log group, and the environment its contract asks for. */
export class AirlockFunction<N extends FunctionName> extends Construct {
  readonly entry: N;
  readonly lambda: LambdaFunction;
  readonly stage: Stage;

  constructor(scope: Construct, props: Props<N>) {
    const { settings, entry, placement } = props;
    super(scope, entry.replace('/', '-'));
    this.entry = entry;
    this.stage = settings.stage;
    const functionName = functionNameOf(settings.stage, entry);
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: settings.stage.logRetention,
      removalPolicy: settings.stage.removalPolicy,
      ...(settings.encryptionKey ? { encryptionKey: settings.encryptionKey } : {}),
    });
    const isInside = placement !== undefined && !settings.stage.isEmulated;
    this.lambda = new LambdaFunction(this, 'Function', {
      functionName,
      role: this.#role(logGroup, isInside),
      code: Code.fromAsset(settings.bundleOf(entry)),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: props.memoryMegabytes ?? 512,
      timeout: props.timeout,
      environment: { ...props.environment },
      logGroup,
      tracing: settings.stage.isEmulated ? Tracing.DISABLED : Tracing.ACTIVE,
      ...(settings.encryptionKey ? { environmentEncryption: settings.encryptionKey } : {}),
      ...(placement && isInside
        ? { vpc: placement.vpc, vpcSubnets: placement.subnets, securityGroups: [placement.securityGroup] }
        : {}),
    });
  }

  /** AWS's managed roles may write to every log group; this one writes to its own. */
  #role(logGroup: LogGroup, isInside: boolean): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    );
    if (isInside) role.addToPolicy(new PolicyStatement({ actions: NETWORK_INTERFACES, resources: ['*'] }));
    return role;
  }

  get name(): string {
    return this.lambda.functionName;
  }

  /** Adds exactly these actions on exactly these resources to the function's role. */
  allow(actions: readonly string[], resources: readonly string[], conditions?: PolicyStatementProps['conditions']): void {
    this.lambda.addToRolePolicy(
      new PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions ? { conditions } : {}) }),
    );
  }

  mayInvoke(...entries: FunctionName[]): void {
    this.allow(
      ['lambda:InvokeFunction'],
      entries.map((entry) => functionArnOf(this, this.stage, entry)),
    );
  }

  /**
   * The emulator checks the three task-token actions against `*`; AWS knows them by the machine's ARN. The one place where the stages
   * differ in what a function may do.
   */
  mayCompleteTasksOf(stateMachineArn: string): void {
    this.allow(['states:SendTaskSuccess'], [this.stage.isEmulated ? '*' : stateMachineArn]);
  }
}
