import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { CfnEmailIdentity } from 'aws-cdk-lib/aws-ses';
import type { Construct } from 'constructs';
import type { FunctionName } from '../../functions/contracts/environment.ts';
import type { Configuration } from '../../functions/core/policy/configuration.ts';
import type { Stage } from '../config.ts';
import { AirlockFunctions } from '../constructs/airlock-functions.ts';
import { Alarms } from '../constructs/alarms.ts';
import { ApprovalClock } from '../constructs/approval-clock.ts';
import { ExecutionMachine } from '../constructs/execution-machine.ts';
import { AirlockHttpApi } from '../constructs/http-api.ts';
import { LIVE_STAGE, LiveApi } from '../constructs/live-api.ts';
import { SandboxTasks } from '../constructs/sandbox-tasks.ts';
import { SignIn } from '../constructs/sign-in.ts';
import { machineArn } from '../constructs/state-machine.ts';
import { TicketKey } from '../constructs/ticket-key.ts';
import { Triggers } from '../constructs/triggers.ts';
import type { DataStack } from './data.ts';
import type { Network } from './network.ts';

export interface SandboxImage {
  readonly image: ContainerImage;
  /** Content id of the image, as its supervisor reports it. */
  readonly id: string;
  readonly architecture: 'ARM64' | 'X86_64';
}

interface Props extends StackProps {
  readonly stage: Stage;
  readonly data: DataStack;
  readonly network: Network;
  readonly sandboxImage: (scope: Construct) => SandboxImage;
  readonly largestJob: { readonly memoryBytes: number; readonly cpu: number };
  readonly bundleOf: (name: FunctionName) => string;
  readonly configuration: Configuration;
  /** What CloudFront, or the edge on one machine, adds to every request. */
  readonly frontDoorSecret: string;
}

/** On AWS the address is the front door's, which stands on this stack: an owner writes it into the configuration. */
const publicUrlOf = (stage: Stage, { approvalServer, security }: Configuration): string | undefined =>
  stage.local?.publicUrl ?? approvalServer.public_url ?? security.authentication.sso.public_url;

/** What runs: sign-in, the APIs, the functions, the state machine, the sandboxes, and what sets them off. */
export class ApplicationStack extends Stack {
  readonly functions: AirlockFunctions;
  readonly http: AirlockHttpApi;
  readonly live: LiveApi;
  readonly machine: ExecutionMachine;
  readonly clock: ApprovalClock;
  readonly triggers: Triggers;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id, props);
    const { stage, data, network } = props;
    const { encryptionKey, tables } = data;
    const image = props.sandboxImage(this);

    const signIn = new SignIn(this, 'SignIn', { stage, security: props.configuration.security });
    const sandboxes = new SandboxTasks(this, 'Sandboxes', {
      ...image,
      stage,
      placement: network.sandboxes,
      largestJob: props.largestJob,
    });
    const ticketKey = new TicketKey(this, 'Tickets', { stage });
    this.live = new LiveApi(this, 'Live', { stage, encryptionKey });
    this.functions = new AirlockFunctions(this, 'Functions', {
      settings: { stage, bundleOf: props.bundleOf, encryptionKey },
      data,
      network,
      signIn,
      sandboxes,
      live: this.live,
      ticketKey,
      stateMachineArn: machineArn(this, stage, 'execution'),
      approvalClockArn: machineArn(this, stage, 'approval-clock'),
      imageId: image.id,
      frontDoorSecret: props.frontDoorSecret,
      channels: props.configuration.notificationChannels,
      publicUrl: publicUrlOf(stage, props.configuration),
    });
    const { email } = props.configuration.notificationChannels;
    // On AWS an operator proves the address, or its whole domain (docs/deploy.md); the emulator takes anybody's word.
    if (stage.isEmulated && email) new CfnEmailIdentity(this, 'MailIdentity', { emailIdentity: email.from_address });
    this.machine = new ExecutionMachine(this, 'Execution', {
      stage,
      executions: tables.executions,
      approvals: tables.approvals,
      encryptionKey,
    });

    this.clock = new ApprovalClock(this, 'ApprovalClock', { stage, encryptionKey });

    this.http = new AirlockHttpApi(this, 'Http', {
      stage,
      encryptionKey,
      functionOf: (resource) => this.functions.get(`api/${resource}`),
    });
    this.live.serve(this.functions.get('live/socket'));

    this.triggers = new Triggers(this, 'Triggers', { stage, encryptionKey });
    this.triggers.onChangeOf(tables.executions, this.functions.get('events/execution-changed'));
    this.triggers.onChangeOf(tables.approvals, this.functions.get('events/approval-changed'));
    this.triggers.onChangeOf(tables.approvals, this.functions.get('events/approval-notify'));
    this.triggers.onChangeOf(tables.notifications, this.functions.get('events/send-notifications'));
    this.triggers.onChangeOf(tables.sandboxes, this.functions.get('events/keeper'));
    this.triggers.onTaskChangeOf(sandboxes, this.functions.get('events/keeper'));
    this.triggers.every(Duration.minutes(1), this.functions.get('events/keeper'));
    this.triggers.every(Duration.minutes(1), this.functions.get('events/reconciler'));
    this.triggers.every(Duration.minutes(1), this.functions.get('events/send-notifications'));
    this.triggers.every(Duration.minutes(15), this.functions.get('events/jwks-refresher'));
    this.triggers.every(Duration.hours(1), this.functions.get('events/audit-anchor'));
    this.triggers.every(Duration.minutes(1), this.functions.get('events/security-monitor'));
    this.triggers.every(Duration.hours(1), this.functions.get('events/key-rotation'));

    if (encryptionKey) {
      const { functions, machine, clock, http, triggers } = this;
      new Alarms(this, 'Alarms', { functions, machine, clock, http, triggers, sandboxes, encryptionKey });
    }
    this.#describe({ signIn, sandboxes, data, ticketKey });
  }

  /** What operators, scripts and the local cloud look up. */
  #describe(parts: { signIn: SignIn; sandboxes: SandboxTasks; data: DataStack; ticketKey: TicketKey }): void {
    const { signIn, sandboxes, data, ticketKey } = parts;
    const outputs: Record<string, string> = {
      HttpApiId: this.http.api.apiId,
      WebSocketApiId: this.live.api.apiId,
      WebSocketStage: LIVE_STAGE,
      UserPoolId: signIn.pool.userPoolId,
      UserPoolClientId: signIn.client.userPoolClientId,
      ...(signIn.page ? { SignInPageUrl: signIn.page.url } : {}),
      IdentityTableName: data.tables.identity.tableName,
      ExecutionsTableName: data.tables.executions.tableName,
      ApprovalsTableName: data.tables.approvals.tableName,
      SandboxesTableName: data.tables.sandboxes.tableName,
      AuditTableName: data.tables.audit.tableName,
      SecurityTableName: data.tables.security.tableName,
      EphemeraTableName: data.tables.ephemera.tableName,
      ChannelsSecretArn: data.channelsSecret.secretArn,
      AuditBucketName: data.auditBucket.bucketName,
      DataBucketName: data.bucket.bucketName,
      TicketKeyId: ticketKey.key.keyId,
      ClusterArn: sandboxes.cluster.clusterArn,
      ExecutionStateMachineArn: this.machine.arn,
      ApprovalClockStateMachineArn: this.clock.arn,
      KeeperFunctionName: this.functions.get('events/keeper').name,
      ReconcilerFunctionName: this.functions.get('events/reconciler').name,
      JwksRefresherFunctionName: this.functions.get('events/jwks-refresher').name,
      RunInSandboxFunctionName: this.functions.get('tasks/run-in-sandbox').name,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}
