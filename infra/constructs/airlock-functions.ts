import { Duration, Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { FunctionEnvironment, FunctionName } from '../../functions/contracts/environment.ts';
import type { Configuration } from '../../functions/core/policy/configuration.ts';
import type { DataStack } from '../stacks/data.ts';
import type { Network } from '../stacks/network.ts';
import { AirlockFunction, type FunctionSettings, functionNameOf, type Placement } from './functions.ts';
import type { LiveApi } from './live-api.ts';
import type { SandboxTasks } from './sandbox-tasks.ts';
import type { SignIn } from './sign-in.ts';
import type { TicketKey } from './ticket-key.ts';

interface Props {
  readonly settings: FunctionSettings;
  readonly data: DataStack;
  readonly network: Network;
  readonly signIn: SignIn;
  readonly sandboxes: SandboxTasks;
  readonly live: LiveApi;
  readonly ticketKey: TicketKey;
  readonly stateMachineArn: string;
  readonly approvalClockArn: string;
  readonly imageId: string;
  readonly frontDoorSecret: string;
  readonly channels: Configuration['notificationChannels'];
  /** Under which people reach us, where somebody said so. */
  readonly publicUrl: string | undefined;
}

/** API Gateway waits 30 s; a function that answers later answers nobody. */
const API_TIMEOUT = Duration.seconds(29);
/** Open WebSockets, whose they are, and what they follow. */
const CONNECTIONS = ['connection#*', 'connections-of#*', 'topic#*'];
const TASK_TIMEOUT = Duration.seconds(30);
/** Below the time after which a message is taken from whoever holds it. */
const SENDER_TIMEOUT = Duration.seconds(75);

/** Of a user's row: what ending their sessions writes. Roles, teams and trust are not among it. */
const ENDING_SESSIONS = ['identity_id', 'valid_after', 'audit_length', 'audit_head'];

/**
 * All functions, each with the environment its contract asks for, and exactly what it may do. The lists here are the permissions: the
 * template tests hold the ones that are promises (one signer, one caller of RunTask, the writers of each table).
 */
export class AirlockFunctions extends Construct {
  readonly #functions = new Map<FunctionName, AirlockFunction<FunctionName>>();
  readonly #props: Props;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id);
    this.#props = props;
    this.#api();
    this.#live();
    this.#tasks();
    this.#events();
  }

  get<N extends FunctionName>(name: N): AirlockFunction<N> {
    const found = this.#functions.get(name);
    if (!found) throw new Error(`there is no function ${name}`);
    return found as AirlockFunction<N>;
  }

  all(): AirlockFunction<FunctionName>[] {
    return [...this.#functions.values()];
  }

  #api(): void {
    const { tables, bucket } = this.#props.data;
    const { functions } = this.#props.network;
    const stateMachine = { EXECUTION_STATE_MACHINE_ARN: this.#props.stateMachineArn };

    const executions = this.#add(
      'api/executions',
      API_TIMEOUT,
      functions,
      {
        ...this.#signedIn(),
        ...this.#table('EXECUTIONS', 'AUDIT', 'SANDBOXES'),
        ...this.#objects(),
        ...this.#valkey(),
        ...stateMachine,
        SANDBOX_IMAGE_ID: this.#props.imageId,
      },
      // A share of the processor comes with the memory, and uploads are hashed here while the caller waits.
      1024,
    );
    this.#mayAuthenticate(executions);
    tables.executions.allow(executions.lambda, 'GetItem', 'PutItem', 'UpdateItem', 'Query');
    tables.audit.allow(executions.lambda, 'PutItem', 'Query');
    tables.ephemera.allowOn(['idempotency#*', 'upload#*'], executions.lambda, 'GetItem', 'PutItem', 'UpdateItem');
    tables.sandboxes.allow(executions.lambda, 'GetItem');
    this.#mayWrite(bucket, executions, 'manifests', 'blobs');
    this.#mayList(bucket, executions, 'blobs');
    this.#mayRead(bucket, executions, 'uploads', 'events', 'archive', 'artifacts');
    executions.allow(['states:StartExecution'], [this.#props.stateMachineArn]);

    // Links it signs can do what it may do: nothing but write uploads.
    const files = this.#add('api/files', API_TIMEOUT, functions, {
      ...this.#signedIn(),
      ...this.#valkey(),
      ...this.#objects(),
    });
    this.#mayAuthenticate(files);
    tables.ephemera.allowOn('upload#*', files.lambda, 'PutItem');
    this.#mayWrite(bucket, files, 'uploads');

    const approvals = this.#add('api/approvals', API_TIMEOUT, functions, {
      ...this.#signedIn(),
      ...this.#valkey(),
      ...this.#table('APPROVALS', 'EXECUTIONS', 'AUDIT', 'NOTIFICATIONS'),
      ...this.#objects(),
    });
    this.#mayAuthenticate(approvals);
    this.#mayDecide(approvals);
    tables.notifications.allow(approvals.lambda, 'Query');
    tables.approvals.allow(approvals.lambda, 'Query');
    // Requests for operations that are no runs begin here.
    tables.approvals.allowOn('apr_*', approvals.lambda, 'PutItem');
    // Whom a place is handed to is named by their address.
    tables.identity.allow(approvals.lambda, 'Query');
    tables.ephemera.allowOn(['nonce#*', 'operation-key#*'], approvals.lambda, 'PutItem');
    // It reads the links of messages and makes none; whoever comes by one gets no session that any other function knows.
    tables.ephemera.allowOn('personal-link#*', approvals.lambda, 'GetItem');
    tables.ephemera.allowOn('approval-visit#*', approvals.lambda, 'GetItem', 'PutItem');
    tables.executions.allow(approvals.lambda, 'GetItem', 'Query');
    // An approver's conditions make a manifest of their own; the gate holds it against the one that was submitted.
    this.#mayWrite(bucket, approvals, 'manifests');

    const socketName = { SOCKET_FUNCTION: this.#nameOf('live/socket') };
    // Those who speak with Cognito stand outside, and have their requests counted.
    const checkLimits = { CHECK_LIMITS_FUNCTION: this.#nameOf('tasks/check-limits') };
    const { page } = this.#props.signIn;
    const auth = this.#add('api/auth', API_TIMEOUT, undefined, {
      ...this.#signedIn(),
      ...this.#table('AUDIT'),
      ...socketName,
      ...checkLimits,
      SESSION_KEY_ID: this.#props.signIn.sessionKey.keyId,
      ...(page ? { SIGN_IN_PAGE_URL: page.url, PAGE_CLIENT_ID: page.client.userPoolClientId } : {}),
    });
    tables.ephemera.allowOn('session#*', auth.lambda, 'GetItem', 'PutItem', 'UpdateItem');
    tables.ephemera.allowOn('page-session#*', auth.lambda, 'PutItem', 'UpdateItem', 'DeleteItem');
    tables.ephemera.allowOn('challenge#*', auth.lambda, 'PutItem', 'UpdateItem', 'DeleteItem');
    tables.audit.allow(auth.lambda, 'PutItem');
    this.#props.signIn.maySignIn(auth);
    auth.mayInvoke('live/socket', 'tasks/check-limits');
    // Rows of people only: the verification keys lie in the same table.
    tables.identity.allowOn('user#*', auth.lambda, 'GetItem');
    // One statement for what one transaction writes.
    tables.identity.allowOn(['user#*', 'admins'], auth.lambda, 'UpdateItem');
    this.#mayAuthenticate(auth);

    const identity = this.#add('api/identity', API_TIMEOUT, undefined, {
      ...this.#signedIn(),
      ...this.#table('AUDIT'),
      ...socketName,
      ...checkLimits,
    });
    identity.mayInvoke('live/socket', 'tasks/check-limits');
    this.#mayAuthenticate(identity);
    // Not the verification keys, which lie in the same table.
    tables.identity.allow(identity.lambda, 'Query');
    tables.identity.allowOn('key_*', identity.lambda, 'PutItem', 'UpdateItem');
    tables.identity.allowOn(['user#*', 'admins'], identity.lambda, 'UpdateItem');
    tables.ephemera.allowOn('key-usage#*', identity.lambda, 'GetItem');
    tables.audit.allow(identity.lambda, 'PutItem');
    this.#props.signIn.mayManageUsers(identity);

    const audit = this.#add('api/audit', API_TIMEOUT, functions, {
      ...this.#signedIn(),
      ...this.#table('AUDIT'),
      ...this.#valkey(),
    });
    this.#mayAuthenticate(audit);
    tables.audit.allow(audit.lambda, 'Query');

    const notifications = this.#add('api/notifications', API_TIMEOUT, functions, {
      ...this.#signedIn(),
      ...this.#valkey(),
      ...this.#table('APPROVALS', 'NOTIFICATIONS'),
    });
    this.#mayAuthenticate(notifications);
    tables.approvals.allow(notifications.lambda, 'GetItem');
    tables.notifications.allow(notifications.lambda, 'GetItem', 'Query');
    tables.notifications.allowOn('person#*', notifications.lambda, 'PutItem');

    const slack = this.#add('api/slack', API_TIMEOUT, undefined, {
      ...this.#signedIn(),
      ...this.#table('APPROVALS', 'AUDIT'),
      ...this.#objects(),
      ...this.#channels(),
      ...checkLimits,
    });
    this.#mayAuthenticate(slack);
    this.#mayDecide(slack);
    tables.identity.allow(slack.lambda, 'Query');
    slack.mayInvoke('tasks/check-limits');
    this.#mayReadChannelsSecret(slack);

    const live = this.#add('api/live', API_TIMEOUT, functions, { ...this.#signedIn(), ...this.#valkey() });
    this.#mayAuthenticate(live);
    tables.ephemera.allowOn('live-ticket#*', live.lambda, 'PutItem');

    const security = this.#add('api/security', API_TIMEOUT, functions, {
      ...this.#signedIn(),
      ...this.#table('AUDIT'),
      ...this.#valkey(),
      ...socketName,
      MONITOR_FUNCTION: this.#nameOf('events/security-monitor'),
    });
    this.#mayAuthenticate(security);
    // Nobody reaches the user pool from where it stands.
    security.mayInvoke('events/security-monitor');
    this.#mayRespond(security);

    const health = this.#add('api/health', API_TIMEOUT, functions, {
      ...this.#signedIn(),
      ...this.#table('EXECUTIONS', 'SANDBOXES'),
      ...this.#valkey(),
    });
    this.#mayAuthenticate(health);
    tables.executions.allow(health.lambda, 'GetItem');
    tables.sandboxes.allow(health.lambda, 'GetItem');
  }

  #live(): void {
    const { tables, bucket } = this.#props.data;
    const { live, frontDoorSecret } = this.#props;
    const catchUpName = { CATCH_UP_FUNCTION: this.#nameOf('live/catch-up') };

    const socket = this.#add('live/socket', API_TIMEOUT, undefined, {
      ...this.#table('IDENTITY', 'EPHEMERA', 'EXECUTIONS', 'SECURITY'),
      ...catchUpName,
      FRONT_DOOR_SECRET: frontDoorSecret,
      LIVE_ENDPOINT: live.endpoint,
    });
    tables.ephemera.allowOn(['live-ticket#*', ...CONNECTIONS], socket.lambda, 'GetItem', 'PutItem', 'DeleteItem', 'Query');
    tables.executions.allow(socket.lambda, 'GetItem');
    socket.mayInvoke('live/catch-up');

    const push = this.#add('live/push', TASK_TIMEOUT, undefined, {
      ...this.#table('EPHEMERA', 'EXECUTIONS'),
      ...catchUpName,
      LIVE_ENDPOINT: live.endpoint,
    });
    tables.ephemera.allowOn(CONNECTIONS, push.lambda, 'UpdateItem', 'DeleteItem', 'Query');
    tables.executions.allow(push.lambda, 'GetItem');
    push.mayInvoke('live/catch-up');

    const pushApproval = this.#add('live/push-approval', TASK_TIMEOUT, undefined, {
      ...this.#table('IDENTITY', 'EPHEMERA', 'APPROVALS', 'SECURITY'),
      LIVE_ENDPOINT: live.endpoint,
    });
    tables.ephemera.allowOn(CONNECTIONS, pushApproval.lambda, 'GetItem', 'DeleteItem', 'Query');
    tables.approvals.allow(pushApproval.lambda, 'GetItem');
    for (const teller of [socket, pushApproval]) {
      tables.ephemera.allowOn('session#*', teller.lambda, 'BatchGetItem');
      tables.identity.allow(teller.lambda, 'BatchGetItem', 'GetItem');
      tables.security.allowOn('restrictions#*', teller.lambda, 'Query');
    }
    live.mayBePostedToBy(socket, push, pushApproval);
    live.mayBeClosedBy(socket);

    const catchUp = this.#add('live/catch-up', Duration.minutes(5), this.#props.network.functions, {
      ...this.#table('EPHEMERA', 'EXECUTIONS'),
      ...this.#objects(),
      ...this.#valkey(),
      PUSH_FUNCTION: this.#nameOf('live/push'),
    });
    tables.ephemera.allowOn('topic#*', catchUp.lambda, 'GetItem');
    tables.executions.allow(catchUp.lambda, 'GetItem');
    this.#mayRead(bucket, catchUp, 'events', 'archive');
    catchUp.mayInvoke('live/push');
  }

  #tasks(): void {
    const { tables, bucket } = this.#props.data;
    const { network, stateMachineArn, ticketKey } = this.#props;

    const awaitApproval = this.#add('tasks/await-approval', TASK_TIMEOUT, undefined, {
      ...this.#table('EXECUTIONS', 'APPROVALS', 'IDENTITY', 'AUDIT'),
      ...this.#objects(),
    });
    tables.identity.allow(awaitApproval.lambda, 'GetItem');
    tables.executions.allow(awaitApproval.lambda, 'GetItem');
    tables.approvals.allow(awaitApproval.lambda, 'GetItem', 'PutItem', 'UpdateItem');
    tables.audit.allow(awaitApproval.lambda, 'PutItem');
    this.#mayRead(bucket, awaitApproval, 'manifests');
    awaitApproval.mayCompleteTasksOf(stateMachineArn);

    const advanceApproval = this.#add('tasks/advance-approval', TASK_TIMEOUT, undefined, this.#table('APPROVALS', 'AUDIT'));
    tables.approvals.allow(advanceApproval.lambda, 'GetItem', 'UpdateItem');
    tables.approvals.allowOn('ntc_*', advanceApproval.lambda, 'PutItem');
    tables.audit.allow(advanceApproval.lambda, 'PutItem');
    advanceApproval.mayCompleteTasksOf(stateMachineArn);

    const joinLine = this.#add(
      'tasks/join-line',
      TASK_TIMEOUT,
      undefined,
      this.#table('EXECUTIONS', 'APPROVALS', 'SANDBOXES', 'AUDIT'),
    );
    tables.executions.allow(joinLine.lambda, 'GetItem', 'UpdateItem', 'Query');
    tables.approvals.allow(joinLine.lambda, 'GetItem');
    tables.sandboxes.allow(joinLine.lambda, 'GetItem', 'UpdateItem');
    tables.audit.allow(joinLine.lambda, 'PutItem');
    joinLine.mayCompleteTasksOf(stateMachineArn);

    const claim = this.#add('tasks/claim-sandbox', TASK_TIMEOUT, undefined, {
      ...this.#table('EXECUTIONS', 'SANDBOXES', 'AUDIT'),
      SANDBOX_IMAGE_ID: this.#props.imageId,
    });
    tables.executions.allow(claim.lambda, 'GetItem', 'UpdateItem');
    tables.sandboxes.allow(claim.lambda, 'GetItem', 'UpdateItem');
    tables.audit.allow(claim.lambda, 'PutItem');

    const gate = this.#add('tasks/issue-ticket', TASK_TIMEOUT, undefined, {
      ...this.#table('EXECUTIONS', 'APPROVALS', 'IDENTITY', 'EPHEMERA'),
      ...this.#objects(),
      TICKET_KEY_ID: ticketKey.key.keyArn,
    });
    tables.executions.allow(gate.lambda, 'GetItem');
    tables.approvals.allow(gate.lambda, 'GetItem');
    tables.identity.allow(gate.lambda, 'GetItem');
    tables.ephemera.allowOn('run-ticket#*', gate.lambda, 'PutItem');
    this.#mayRead(bucket, gate, 'manifests');
    ticketKey.maySign(gate);

    const dispatcher = this.#add(
      'tasks/run-in-sandbox',
      Duration.minutes(15),
      network.dispatchers,
      {
        ...this.#table('EXECUTIONS', 'SANDBOXES', 'EPHEMERA', 'AUDIT'),
        ...this.#objects(),
        ...this.#valkey(),
        PUSH_FUNCTION: this.#nameOf('live/push'),
        DISPATCH_BUDGET_MS: String(this.#props.settings.stage.dispatchBudgetMs),
      },
      1024,
    );
    tables.executions.allow(dispatcher.lambda, 'GetItem', 'UpdateItem');
    tables.sandboxes.allow(dispatcher.lambda, 'GetItem');
    tables.ephemera.allowOn(['run-ticket#*', 'topic#*'], dispatcher.lambda, 'GetItem', 'Query');
    tables.audit.allow(dispatcher.lambda, 'PutItem');
    this.#mayRead(bucket, dispatcher, 'manifests', 'blobs', 'events');
    this.#mayWrite(bucket, dispatcher, 'events', 'artifacts');
    dispatcher.mayInvoke('live/push');

    const record = this.#add(
      'tasks/record',
      Duration.minutes(2),
      network.functions,
      {
        ...this.#table('EXECUTIONS', 'APPROVALS', 'AUDIT'),
        ...this.#objects(),
        ...this.#valkey(),
      },
      1024,
    );
    tables.executions.allow(record.lambda, 'GetItem', 'UpdateItem');
    tables.approvals.allow(record.lambda, 'GetItem');
    tables.audit.allow(record.lambda, 'PutItem');
    this.#mayRead(bucket, record, 'events');
    this.#mayWrite(bucket, record, 'archive');

    const cancel = this.#add(
      'tasks/cancel-run',
      TASK_TIMEOUT,
      network.dispatchers,
      this.#table('EXECUTIONS', 'SANDBOXES', 'EPHEMERA'),
    );
    tables.executions.allow(cancel.lambda, 'GetItem');
    tables.sandboxes.allow(cancel.lambda, 'GetItem');
    tables.ephemera.allowOn('run-ticket#*', cancel.lambda, 'GetItem');

    const probe = this.#add('tasks/probe-sandbox', Duration.minutes(1), network.dispatchers, this.#table('SANDBOXES'));
    tables.sandboxes.allow(probe.lambda, 'GetItem', 'UpdateItem');

    this.#add('tasks/check-limits', Duration.seconds(5), network.functions, this.#valkey());
  }

  #events(): void {
    const { tables } = this.#props.data;
    const { sandboxes, stateMachineArn, approvalClockArn, signIn, settings, ticketKey } = this.#props;

    const keeper = this.#add('events/keeper', Duration.minutes(1), undefined, {
      ...this.#table('SANDBOXES', 'EXECUTIONS'),
      CLUSTER_ARN: sandboxes.cluster.clusterArn,
      TASK_DEFINITION_ARN: sandboxes.definition.taskDefinitionArn,
      SUBNET_IDS: sandboxes.placement.subnets.map((subnet) => subnet.subnetId).join(','),
      SECURITY_GROUP_ID: sandboxes.placement.securityGroup.securityGroupId,
      TICKET_KEY_ID: ticketKey.key.keyArn,
      PROBE_FUNCTION: this.#nameOf('tasks/probe-sandbox'),
      KEEPER_FUNCTION: this.#nameOf('events/keeper'),
      SANDBOX_IMAGE_ID: this.#props.imageId,
    });
    tables.sandboxes.allow(keeper.lambda, 'GetItem', 'PutItem', 'UpdateItem');
    tables.executions.allow(keeper.lambda, 'GetItem', 'Query');
    ticketKey.mayBeReadBy(keeper);
    keeper.mayCompleteTasksOf(stateMachineArn);
    keeper.mayInvoke('tasks/probe-sandbox', 'events/keeper');
    sandboxes.mayBeKeptBy(keeper);

    const reconciler = this.#add('events/reconciler', Duration.minutes(1), undefined, {
      ...this.#table('EXECUTIONS', 'APPROVALS', 'SANDBOXES', 'AUDIT'),
      EXECUTION_STATE_MACHINE_ARN: stateMachineArn,
      APPROVAL_CLOCK_STATE_MACHINE_ARN: approvalClockArn,
      UNTOUCHED_MS: String(this.#props.settings.stage.untouchedMs),
    });
    tables.executions.allow(reconciler.lambda, 'GetItem', 'UpdateItem', 'Query');
    tables.approvals.allow(reconciler.lambda, 'GetItem', 'UpdateItem', 'Query');
    tables.approvals.allowOn('ntc_*', reconciler.lambda, 'PutItem');
    tables.sandboxes.allow(reconciler.lambda, 'GetItem', 'UpdateItem');
    tables.audit.allow(reconciler.lambda, 'PutItem');
    reconciler.allow(['states:StartExecution'], [stateMachineArn, approvalClockArn]);
    reconciler.allow(['states:DescribeExecution'], [`${stateMachineArn.replace(':stateMachine:', ':execution:')}:*`]);
    reconciler.mayCompleteTasksOf(stateMachineArn);

    const executionChanged = this.#add('events/execution-changed', TASK_TIMEOUT, undefined, {
      ...this.#table('APPROVALS', 'SANDBOXES', 'AUDIT'),
      CANCEL_RUN_FUNCTION: this.#nameOf('tasks/cancel-run'),
      PUSH_FUNCTION: this.#nameOf('live/push'),
    });
    tables.approvals.allow(executionChanged.lambda, 'GetItem', 'UpdateItem');
    tables.approvals.allowOn('ntc_*', executionChanged.lambda, 'PutItem');
    tables.sandboxes.allow(executionChanged.lambda, 'GetItem', 'UpdateItem');
    tables.audit.allow(executionChanged.lambda, 'PutItem');
    executionChanged.mayCompleteTasksOf(stateMachineArn);
    executionChanged.mayInvoke('tasks/cancel-run', 'live/push');

    const approvalChanged = this.#add('events/approval-changed', TASK_TIMEOUT, undefined, {
      ...this.#table('EPHEMERA'),
      APPROVAL_CLOCK_STATE_MACHINE_ARN: approvalClockArn,
      PUSH_APPROVAL_FUNCTION: this.#nameOf('live/push-approval'),
    });
    tables.ephemera.allowOn('topic#*', approvalChanged.lambda, 'Query');
    approvalChanged.mayInvoke('live/push-approval');
    approvalChanged.allow(['states:StartExecution'], [approvalClockArn]);
    approvalChanged.mayCompleteTasksOf(stateMachineArn);

    const monitor = this.#add('events/security-monitor', TASK_TIMEOUT, undefined, {
      ...this.#table('SECURITY', 'IDENTITY', 'AUDIT'),
      SOCKET_FUNCTION: this.#nameOf('live/socket'),
      USER_POOL_ID: signIn.pool.userPoolId,
    });
    signIn.maySignOut(monitor);
    tables.identity.allow(monitor.lambda, 'GetItem');
    this.#mayRespond(monitor);
    this.#mayMail(monitor);

    const { auditBucket } = this.#props.data;
    const anchor = this.#add(
      'events/audit-anchor',
      Duration.minutes(15),
      undefined,
      {
        ...this.#table('AUDIT'),
        AUDIT_BUCKET: auditBucket.bucketName,
      },
      // An hour of a million records takes 1.6 GB (docs/architecture.md).
      3008,
    );
    tables.audit.allow(anchor.lambda, 'Query');
    anchor.allow(
      ['s3:GetObject', 's3:PutObject'],
      [auditBucket.arnForObjects('anchors/*'), auditBucket.arnForObjects('audit/*')],
    );
    // Without it a missing object is a forbidden one.
    anchor.allow(['s3:ListBucket'], [auditBucket.bucketArn], { StringLike: { 's3:prefix': ['anchors/*', 'audit/*'] } });
    auditBucket.encryptionKey?.grant(anchor.lambda, 'kms:GenerateDataKey', 'kms:Decrypt');

    const approvalNotify = this.#add(
      'events/approval-notify',
      TASK_TIMEOUT,
      undefined,
      this.#table('IDENTITY', 'APPROVALS', 'NOTIFICATIONS'),
    );
    tables.identity.allow(approvalNotify.lambda, 'Query');
    tables.approvals.allow(approvalNotify.lambda, 'GetItem');
    tables.notifications.allow(approvalNotify.lambda, 'GetItem', 'PutItem', 'Query');
    this.#sender();

    const keyRotation = this.#add('events/key-rotation', TASK_TIMEOUT, undefined, this.#table('IDENTITY', 'AUDIT'));
    tables.identity.allow(keyRotation.lambda, 'Query');
    tables.identity.allowOn('user#*', keyRotation.lambda, 'GetItem');
    tables.identity.allowOn('key_*', keyRotation.lambda, 'UpdateItem');
    this.#mayMail(keyRotation);
    tables.audit.allow(keyRotation.lambda, 'PutItem');

    const { pool } = signIn;
    const jwks = settings.stage.local
      ? `${settings.stage.local.emulatorUrl}/${pool.userPoolId}/.well-known/jwks.json`
      : `https://cognito-idp.${Stack.of(this).region}.${Stack.of(this).urlSuffix}/${pool.userPoolId}/.well-known/jwks.json`;
    const refresher = this.#add('events/jwks-refresher', TASK_TIMEOUT, undefined, { ...this.#table('IDENTITY'), JWKS_URL: jwks });
    tables.identity.allowOn('jwks', refresher.lambda, 'PutItem');
  }

  /** The one who speaks to the outside, outside the VPC: it reads what it tells of, and writes what became of telling it. */
  #sender(): void {
    const { data, channels } = this.#props;
    const sender = this.#add('events/send-notifications', SENDER_TIMEOUT, undefined, {
      ...this.#table('NOTIFICATIONS', 'APPROVALS', 'IDENTITY', 'EPHEMERA'),
      ...this.#channels(),
    });
    data.tables.notifications.allow(sender.lambda, 'GetItem', 'PutItem', 'Query');
    data.tables.approvals.allow(sender.lambda, 'GetItem');
    data.tables.ephemera.allowOn('personal-link#*', sender.lambda, 'PutItem');
    data.tables.identity.allowOn('user#*', sender.lambda, 'GetItem');
    this.#mayReadChannelsSecret(sender);
    this.#mayMail(sender);
    // A phone number is no resource; every topic is one, and none is meant.
    if (channels.sms) {
      sender.allow(['sns:Publish'], ['*']);
      const topics = new PolicyStatement({ effect: Effect.DENY, actions: ['sns:Publish'], resources: ['arn:*:sns:*:*:*'] });
      sender.lambda.addToRolePolicy(topics);
    }
  }

  #mayMail(sender: AirlockFunction<FunctionName>): void {
    const { channels, settings } = this.#props;
    if (!channels.email) return;
    // The emulator checks sending against `*`, and knows no such condition. In its sandbox SES asks for the recipient's identity, too.
    if (settings.stage.isEmulated) {
      sender.allow(['ses:SendEmail'], ['*']);
      return;
    }
    const identities = Stack.of(this).formatArn({ service: 'ses', resource: 'identity', resourceName: '*' });
    sender.allow(['ses:SendEmail'], [identities], { StringEquals: { 'ses:FromAddress': channels.email.from_address } });
  }

  #channels() {
    const { data, publicUrl } = this.#props;
    return {
      CHANNELS_SECRET: data.channelsSecret.secretArn,
      SLACK_API_URL: 'https://slack.com/api/',
      ...(publicUrl === undefined ? {} : { PUBLIC_URL: publicUrl }),
    };
  }

  /** It opens no request: what it may add is what is said of one, and what one grants. */
  #mayDecide(fn: AirlockFunction<FunctionName>): void {
    const { tables, bucket } = this.#props.data;
    tables.approvals.allow(fn.lambda, 'GetItem', 'UpdateItem');
    tables.approvals.allowOn('ntc_*', fn.lambda, 'PutItem');
    tables.approvals.allowOn('std_*', fn.lambda, 'PutItem');
    tables.audit.allow(fn.lambda, 'PutItem');
    this.#mayRead(bucket, fn, 'manifests');
    fn.mayCompleteTasksOf(this.#props.stateMachineArn);
  }

  #mayReadChannelsSecret(fn: AirlockFunction<FunctionName>): void {
    const { channelsSecretArn, encryptionKey } = this.#props.data;
    fn.allow(['secretsmanager:GetSecretValue'], [channelsSecretArn]);
    encryptionKey?.grant(fn.lambda, 'kms:Decrypt');
  }

  #add<N extends FunctionName>(
    entry: N,
    timeout: Duration,
    placement: Placement | undefined,
    environment: FunctionEnvironment<N>,
    memoryMegabytes = 512,
  ): AirlockFunction<N> {
    const added = new AirlockFunction(this, {
      settings: this.#props.settings,
      entry,
      environment,
      timeout,
      memoryMegabytes,
      placement,
    });
    this.#functions.set(entry, added as unknown as AirlockFunction<FunctionName>);
    return added;
  }

  #nameOf(entry: FunctionName): string {
    return functionNameOf(this.#props.settings.stage, entry);
  }

  #table<S extends Uppercase<keyof DataStack['tables']>>(...subjects: S[]): Record<`${S}_TABLE`, string> {
    const entries = subjects.map((subject) => [
      `${subject}_TABLE`,
      this.#props.data.tables[subject.toLowerCase() as Lowercase<S>].tableName,
    ]);
    return Object.fromEntries(entries) as Record<`${S}_TABLE`, string>;
  }

  #signedIn() {
    const { signIn, frontDoorSecret } = this.#props;
    return {
      ...this.#table('IDENTITY', 'EPHEMERA', 'SECURITY'),
      USER_POOL_ID: signIn.pool.userPoolId,
      USER_POOL_CLIENT_ID: signIn.client.userPoolClientId,
      FRONT_DOOR_SECRET: frontDoorSecret,
    };
  }

  /** Who is calling is in the identity table; when a key was used last is beside it, so that nobody here can write a key. */
  #mayAuthenticate(fn: AirlockFunction<FunctionName>): void {
    const { tables } = this.#props.data;
    tables.identity.allow(fn.lambda, 'GetItem', 'BatchGetItem');
    // Whether a session is open. What the user pool gave it is sealed.
    tables.ephemera.allowOn('session#*', fn.lambda, 'BatchGetItem');
    tables.ephemera.allowOn('key-usage#*', fn.lambda, 'UpdateItem');
    tables.ephemera.allowOn('page-session#*', fn.lambda, 'GetItem');
    tables.security.allowOn('restrictions#*', fn.lambda, 'Query');
    tables.security.allowOn('events#*', fn.lambda, 'UpdateItem');
    tables.security.allowOn('admin-address#*', fn.lambda, 'PutItem');
  }

  /** What is done about threats: it restricts, and ends sessions; it gives nobody anything. */
  #mayRespond(fn: AirlockFunction<FunctionName>): void {
    const { tables } = this.#props.data;
    tables.security.allow(fn.lambda, 'GetItem', 'PutItem', 'UpdateItem', 'Query');
    tables.identity.allowAttributes('user#*', ENDING_SESSIONS, fn.lambda, 'UpdateItem');
    tables.audit.allow(fn.lambda, 'PutItem');
    fn.mayInvoke('live/socket');
  }

  #objects() {
    return { DATA_BUCKET: this.#props.data.bucket.bucketName };
  }

  #valkey() {
    return { VALKEY_URL: this.#props.network.valkeyUrl };
  }

  /** Objects of one kind lie under one prefix. Listing tells a missing object from a forbidden one. */
  #mayRead(bucket: Bucket, reader: AirlockFunction<FunctionName>, ...kinds: string[]): void {
    reader.allow(
      ['s3:GetObject'],
      kinds.map((kind) => bucket.arnForObjects(`${kind}/*`)),
    );
    this.#mayList(bucket, reader, ...kinds);
    bucket.encryptionKey?.grantDecrypt(reader.lambda);
  }

  #mayList(bucket: Bucket, reader: AirlockFunction<FunctionName>, ...kinds: string[]): void {
    reader.allow(['s3:ListBucket'], [bucket.bucketArn], { StringLike: { 's3:prefix': kinds.map((kind) => `${kind}/*`) } });
  }

  #mayWrite(bucket: Bucket, writer: AirlockFunction<FunctionName>, ...kinds: string[]): void {
    writer.allow(
      ['s3:PutObject'],
      kinds.map((kind) => bucket.arnForObjects(`${kind}/*`)),
    );
    bucket.encryptionKey?.grant(writer.lambda, 'kms:GenerateDataKey', 'kms:Decrypt');
  }
}
