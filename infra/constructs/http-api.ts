import { type CfnStage, HttpApi, HttpMethod, type HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type ApiFunction, ROUTES_OF_FUNCTION } from '../../functions/contracts/routes.ts';
import type { Stage } from '../config.ts';
import type { AirlockFunction } from './functions.ts';

interface Props {
  readonly stage: Stage;
  readonly functionOf: (resource: ApiFunction) => AirlockFunction<`api/${ApiFunction}`>;
  readonly encryptionKey: IKey | undefined;
}

/** Every route contract, led to its resource's function. Functions authenticate themselves; the gateway only carries. */
export class AirlockHttpApi extends Construct {
  readonly api: HttpApi;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', { apiName: `airlock-${props.stage.name}` });
    for (const [resource, routes] of Object.entries(ROUTES_OF_FUNCTION) as [
      ApiFunction,
      (typeof ROUTES_OF_FUNCTION)[ApiFunction],
    ][]) {
      const { lambda } = props.functionOf(resource);
      const integration = new HttpLambdaIntegration(resource, lambda);
      for (const route of routes) this.api.addRoutes({ path: route.path, methods: [HttpMethod[route.method]], integration });
    }
    // What no contract names is answered in the same form as everything else.
    const unknown = new HttpLambdaIntegration('unknown', props.functionOf('health').lambda);
    this.api.addRoutes({ path: '/{proxy+}', methods: [HttpMethod.ANY], integration: unknown });
    if (!props.stage.isEmulated) this.#limitAndLog(props);
  }

  /** A ceiling over all callers together; each caller's own limits are the functions' to hold. */
  #limitAndLog({ stage, encryptionKey }: Props): void {
    const logs = new LogGroup(this, 'AccessLogs', {
      retention: stage.logRetention,
      removalPolicy: stage.removalPolicy,
      ...(encryptionKey ? { encryptionKey } : {}),
    });
    const defaultStage = (this.api.defaultStage as HttpStage).node.defaultChild as CfnStage;
    defaultStage.defaultRouteSettings = { throttlingRateLimit: 500, throttlingBurstLimit: 1000, detailedMetricsEnabled: true };
    defaultStage.accessLogSettings = {
      destinationArn: logs.logGroupArn,
      format: JSON.stringify({
        request_id: '$context.requestId',
        route: '$context.routeKey',
        status: '$context.status',
        duration_ms: '$context.responseLatency',
        bytes: '$context.responseLength',
        error: '$context.integrationErrorMessage',
      }),
    };
  }
}
