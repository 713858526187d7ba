import { Aws, CfnOutput, Duration, Fn, Stack, type StackProps } from 'aws-cdk-lib';
import type { HttpApi, WebSocketApi } from 'aws-cdk-lib/aws-apigatewayv2';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  Function as EdgeFunction,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  HeadersFrameOption,
  HeadersReferrerPolicy,
  HttpVersion,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  ResponseHeadersPolicy,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnWebACL } from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import { FrontDoorLog } from '../constructs/front-door-log.ts';
import { LIVE_STAGE } from '../constructs/live-api.ts';

interface Props extends StackProps {
  readonly http: HttpApi;
  readonly live: WebSocketApi;
  readonly frontDoorSecret: string;
  readonly encryptionKey: IKey;
}

/** Requests of one address in five minutes; what a signed-in caller may do is the API's own to limit. */
const REQUESTS_PER_ADDRESS = 10_000;

/**
 * The one public address. HTTP APIs cannot carry a firewall, so CloudFront does, and adds a secret without which the APIs answer 403.
 */
export class FrontDoorStack extends Stack {
  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id, props);
    const secret = { 'x-airlock-front-door': props.frontDoorSecret };
    const hostOf = (api: HttpApi | WebSocketApi) => `${api.apiId}.execute-api.${this.region}.${Aws.URL_SUFFIX}`;
    const origin = (host: string, originPath?: string) =>
      new HttpOrigin(host, {
        protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY,
        customHeaders: secret,
        readTimeout: Duration.seconds(30),
        ...(originPath ? { originPath } : {}),
      });
    const http = origin(hostOf(props.http));
    const live = origin(hostOf(props.live), `/${LIVE_STAGE}`);
    const behavior = (to: HttpOrigin, viewer: EdgeFunction) => ({
      origin: to,
      viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
      allowedMethods: AllowedMethods.ALLOW_ALL,
      cachePolicy: CachePolicy.CACHING_DISABLED,
      originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
      responseHeadersPolicy: headers,
      compress: true,
      functionAssociations: [{ function: viewer, eventType: FunctionEventType.VIEWER_REQUEST }],
    });
    const headers = this.#securityHeaders();
    const identify = this.#edgeFunction('Identify', IDENTIFY);
    const distribution = new Distribution(this, 'Distribution', {
      comment: 'Airlock',
      httpVersion: HttpVersion.HTTP2_AND_3,
      webAclId: this.#firewall().attrArn,
      defaultBehavior: behavior(http, identify),
      additionalBehaviors: {
        // Tickets are given by the HTTP API, though their path lies under the socket's.
        '/api/v1/ws/tickets': behavior(http, identify),
        '/api/v1/ws/*': behavior(live, this.#edgeFunction('Socket', IDENTIFY_AND_REWRITE_SOCKET)),
      },
    });
    new FrontDoorLog(this, 'Log', { distribution, encryptionKey: props.encryptionKey });
    new CfnOutput(this, 'Url', { value: Fn.join('', ['https://', distribution.distributionDomainName]) });
  }

  #edgeFunction(id: string, code: string): EdgeFunction {
    return new EdgeFunction(this, id, { code: FunctionCode.fromInline(code), runtime: FunctionRuntime.JS_2_0 });
  }

  #securityHeaders(): ResponseHeadersPolicy {
    return new ResponseHeadersPolicy(this, 'SecurityHeaders', {
      securityHeadersBehavior: {
        strictTransportSecurity: { accessControlMaxAge: Duration.days(365), includeSubdomains: true, override: true },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
        // Pages say `same-origin` themselves: without a referrer, browsers name no Origin with a form either.
        referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: false },
        contentSecurityPolicy: { contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'", override: false },
      },
    });
  }

  /** AWS's own rules, and a ceiling per address. Rules that look for code in a body only count: bodies are code here. */
  #firewall(): CfnWebACL {
    const visibility = (metricName: string) => ({ cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false, metricName });
    const managed = (name: string, priority: number, onlyCounted: string[] = []) => ({
      name,
      priority,
      overrideAction: { none: {} },
      visibilityConfig: visibility(name),
      statement: {
        managedRuleGroupStatement: {
          vendorName: 'AWS',
          name,
          ruleActionOverrides: onlyCounted.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
        },
      },
    });
    return new CfnWebACL(this, 'Firewall', {
      scope: 'CLOUDFRONT',
      defaultAction: { allow: {} },
      visibilityConfig: visibility('airlock'),
      rules: [
        {
          name: 'PerAddress',
          priority: 0,
          action: { block: { customResponse: { responseCode: 429 } } },
          visibilityConfig: visibility('PerAddress'),
          statement: { rateBasedStatement: { limit: REQUESTS_PER_ADDRESS, evaluationWindowSec: 300, aggregateKeyType: 'IP' } },
        },
        managed('AWSManagedRulesAmazonIpReputationList', 1),
        managed('AWSManagedRulesCommonRuleSet', 2, [
          'SizeRestrictions_BODY',
          'CrossSiteScripting_BODY',
          'GenericLFI_BODY',
          'GenericRFI_BODY',
          'EC2MetaDataSSRF_BODY',
          'NoUserAgent_HEADER',
        ]),
        managed('AWSManagedRulesKnownBadInputsRuleSet', 3, ['JavaDeserializationRCE_BODY', 'Log4JRCE_BODY', 'ReactJSRCE_BODY']),
      ],
    });
  }
}

/** Who is calling, and under which name we are seen, in headers that overwrite what the client sent under their names. */
const IDENTIFY = `function handler(event) {
  var request = event.request;
  request.headers['x-airlock-client-address'] = { value: event.viewer.ip };
  request.headers['x-airlock-public-origin'] = { value: 'https://' + request.headers.host.value };
  return request;
}`;

/** WebSocket APIs have no paths: the client's id moves from the path into the query. */
const IDENTIFY_AND_REWRITE_SOCKET = `function handler(event) {
  var request = event.request;
  request.headers['x-airlock-client-address'] = { value: event.viewer.ip };
  request.querystring.client_id = { value: request.uri.split('/').pop() };
  request.uri = '/';
  return request;
}`;
