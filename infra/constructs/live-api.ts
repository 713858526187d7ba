import { ArnFormat, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { CfnAccount } from 'aws-cdk-lib/aws-apigateway';
import { type CfnStage, WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Stage } from '../config.ts';
import type { AirlockFunction } from './functions.ts';

export const LIVE_STAGE = 'live';

/** The WebSocket API. It exists before its functions, which must know where to post. */
export class LiveApi extends Construct {
  readonly api: WebSocketApi;
  readonly #stage: Stage;

  constructor(scope: Construct, id: string, props: { readonly stage: Stage; readonly encryptionKey: IKey | undefined }) {
    super(scope, id);
    this.#stage = props.stage;
    this.api = new WebSocketApi(this, 'Api', { apiName: `airlock-${props.stage.name}-live` });
    const stage = new WebSocketStage(this, 'Stage', { webSocketApi: this.api, stageName: LIVE_STAGE, autoDeploy: true });
    if (!props.stage.isEmulated) this.#limitAndLog(stage, props.encryptionKey);
  }

  /** Where frames are posted to connections. */
  get endpoint(): string {
    const { local } = this.#stage;
    if (local) return `${local.emulatorUrl}/_aws/execute-api/${this.api.apiId}/${LIVE_STAGE}`;
    const { region, urlSuffix } = Stack.of(this);
    return `https://${this.api.apiId}.execute-api.${region}.${urlSuffix}/${LIVE_STAGE}`;
  }

  serve(socket: AirlockFunction<'live/socket'>): void {
    for (const route of ['$connect', '$disconnect', '$default']) {
      this.api.addRoute(route, { integration: new WebSocketLambdaIntegration(route.slice(1), socket.lambda) });
    }
  }

  mayBePostedToBy(...functions: AirlockFunction<'live/socket' | 'live/push' | 'live/push-approval'>[]): void {
    for (const each of functions) each.allow(['execute-api:ManageConnections'], [this.#connections('POST')]);
  }

  mayBeClosedBy(socket: AirlockFunction<'live/socket'>): void {
    socket.allow(['execute-api:ManageConnections'], [this.#connections('DELETE')]);
  }

  #connections(method: 'POST' | 'DELETE'): string {
    return Stack.of(this).formatArn({
      service: 'execute-api',
      resource: this.api.apiId,
      resourceName: `${LIVE_STAGE}/${method}/@connections/*`,
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
  }

  /** The query string holds the ticket, so it is not in the format. */
  #limitAndLog(stage: WebSocketStage, encryptionKey: IKey | undefined): void {
    const logs = new LogGroup(this, 'AccessLogs', {
      retention: this.#stage.logRetention,
      removalPolicy: this.#stage.removalPolicy,
      ...(encryptionKey ? { encryptionKey } : {}),
    });
    const template = stage.node.defaultChild as CfnStage;
    template.addResourceDependency(this.#letGatewayLog());
    template.defaultRouteSettings = { throttlingRateLimit: 500, throttlingBurstLimit: 1000 };
    template.accessLogSettings = {
      destinationArn: logs.logGroupArn,
      format: JSON.stringify({
        request_id: '$context.requestId',
        connection_id: '$context.connectionId',
        route: '$context.routeKey',
        status: '$context.status',
      }),
    };
  }

  /**
   * WebSocket APIs log through one role for the whole account and region, and an account without one refuses a stage that logs. It
   * stays when the stack goes: other APIs of the account may log through it by then.
   */
  #letGatewayLog(): CfnAccount {
    const role = new Role(this, 'LogWriter', {
      assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonAPIGatewayPushToCloudWatchLogs')],
    });
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
      reason: 'API Gateway tries out what this policy allows before it takes the role, for all APIs of the account',
    });
    const account = new CfnAccount(this, 'Account', { cloudWatchRoleArn: role.roleArn });
    for (const kept of [role, account]) kept.applyRemovalPolicy(RemovalPolicy.RETAIN);
    return account;
  }
}
