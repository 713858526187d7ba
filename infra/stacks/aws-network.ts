import { CfnOutput, DefaultStackSynthesizer, Fn, Stack, type StackProps } from 'aws-cdk-lib';
import {
  CfnRoute,
  CfnVPCPeeringConnection,
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type ISubnet,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { CfnServerlessCache } from 'aws-cdk-lib/aws-elasticache';
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnFirewallDomainList, CfnFirewallRuleGroup, CfnFirewallRuleGroupAssociation } from 'aws-cdk-lib/aws-route53resolver';
import type { Construct } from 'constructs';
import { SUPERVISOR_PORT } from '../../functions/contracts/sandbox-protocol.ts';
import type { Stage } from '../config.ts';
import type { Placement } from '../constructs/functions.ts';
import { imagePullerName, type SandboxPlacement } from '../constructs/sandbox-tasks.ts';
import { TABLE_ACTIONS } from '../constructs/tables.ts';
import type { Network } from './network.ts';

/** AWS's managed prefix lists of the gateway endpoints, which have no name a template could use. `aws ec2 describe-managed-prefix-lists`. */
const PREFIX_LISTS = { 'us-east-1': { s3: 'pl-63a5400a', dynamodb: 'pl-02cd2c6b' } } as const;
export const REGION = 'us-east-1';

const APPLICATION_CIDR = '10.80.0.0/20';
const SANDBOX_CIDR = '10.90.0.0/20';
const HTTPS = Port.tcp(443);
const VALKEY = Port.tcpRange(6379, 6380);

interface Props extends StackProps {
  readonly stage: Stage;
  readonly encryptionKey: IKey;
}

/**
 * Two networks without a way out. Functions that need Valkey or a sandbox stand in one; sandboxes stand in the other, which reaches
 * nothing but the registry their image comes from. Peering lets the dispatcher in, and nothing back.
 */
export class AwsNetworkStack extends Stack implements Network {
  readonly functions: Placement;
  readonly dispatchers: Placement;
  readonly sandboxes: SandboxPlacement;
  readonly valkeyUrl: string;
  readonly applicationVpc: Vpc;
  readonly sandboxVpc: Vpc;
  readonly #stage: Stage;
  readonly #logKey: IKey;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id, props);
    this.#stage = props.stage;
    this.#logKey = props.encryptionKey;
    this.applicationVpc = this.#isolatedVpc('Application', APPLICATION_CIDR);
    this.sandboxVpc = this.#isolatedVpc('Sandboxes', SANDBOX_CIDR);
    const functionGroup = this.#group('FunctionGroup', this.applicationVpc, 'Functions that reach Valkey');
    const dispatcherGroup = this.#group('DispatcherGroup', this.applicationVpc, 'Functions that also reach sandboxes');
    const sandboxGroup = this.#group('SandboxGroup', this.sandboxVpc, 'Sandboxes');

    this.#applicationEndpoints([functionGroup, dispatcherGroup]);
    this.#registryEndpoints(sandboxGroup);
    const peering = this.#peering();
    this.#letDispatchersIn(dispatcherGroup, sandboxGroup, peering);
    this.#dnsFirewall();
    this.valkeyUrl = this.#valkey([functionGroup, dispatcherGroup], props.encryptionKey);

    const place = (securityGroup: SecurityGroup): Placement => ({
      vpc: this.applicationVpc,
      subnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroup,
    });
    this.functions = place(functionGroup);
    this.dispatchers = place(dispatcherGroup);
    this.sandboxes = { vpc: this.sandboxVpc, subnets: this.sandboxVpc.isolatedSubnets, securityGroup: sandboxGroup };
    new CfnOutput(this, 'SandboxVpcId', { value: this.sandboxVpc.vpcId });
  }

  /** By number: names would have to be looked up, and a check without credentials would see other networks than a deployment. */
  override get availabilityZones(): string[] {
    return Array.from({ length: this.#stage.availabilityZones }, (_, index) => Fn.select(index, Fn.getAzs()));
  }

  #isolatedVpc(name: string, cidr: string): Vpc {
    const vpc = new Vpc(this, `${name}Vpc`, {
      ipAddresses: IpAddresses.cidr(cidr),
      maxAzs: this.#stage.availabilityZones,
      natGateways: 0,
      createInternetGateway: false,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
    });
    const logs = new LogGroup(this, `${name}FlowLogs`, {
      retention: this.#stage.logRetention,
      encryptionKey: this.#logKey,
      removalPolicy: this.#stage.removalPolicy,
    });
    vpc.addFlowLog('Flow', { destination: FlowLogDestination.toCloudWatchLogs(logs), trafficType: FlowLogTrafficType.ALL });
    return vpc;
  }

  #group(id: string, vpc: Vpc, description: string): SecurityGroup {
    return new SecurityGroup(this, id, { vpc, description, allowAllOutbound: false });
  }

  /** Functions inside reach DynamoDB, S3, Step Functions and Lambda: what they do there, as this account, and to what is this account's. */
  #applicationEndpoints(clients: SecurityGroup[]): void {
    const vpc = this.applicationVpc;
    const ownAccount = { StringEquals: { 'aws:PrincipalAccount': this.account, 'aws:ResourceAccount': this.account } };
    const ownOnly = (actions: readonly string[]) =>
      new PolicyStatement({ principals: [new AnyPrincipal()], actions: [...actions], resources: ['*'], conditions: ownAccount });
    for (const [name, service, actions] of [
      ['DynamoDb', GatewayVpcEndpointAwsService.DYNAMODB, TABLE_ACTIONS.map((action) => `dynamodb:${action}`)],
      ['S3', GatewayVpcEndpointAwsService.S3, ['s3:GetObject', 's3:PutObject', 's3:ListBucket']],
    ] as const) {
      vpc.addGatewayEndpoint(name, { service }).addToPolicy(ownOnly(actions));
    }
    const endpointGroup = this.#group('ApplicationEndpoints', vpc, 'Endpoints of the application network');
    for (const [name, service, actions] of [
      ['StepFunctions', InterfaceVpcEndpointAwsService.STEP_FUNCTIONS, ['states:SendTaskSuccess', 'states:StartExecution']],
      ['Lambda', InterfaceVpcEndpointAwsService.LAMBDA, ['lambda:InvokeFunction']],
    ] as const) {
      const endpoint = vpc.addInterfaceEndpoint(name, {
        service,
        securityGroups: [endpointGroup],
        open: false,
        privateDnsEnabled: true,
      });
      endpoint.addToPolicy(ownOnly(actions));
    }
    const lists = PREFIX_LISTS[REGION];
    for (const client of clients) {
      client.addEgressRule(endpointGroup, HTTPS, 'endpoints');
      endpointGroup.addIngressRule(client, HTTPS, 'functions');
      client.addEgressRule(Peer.prefixList(lists.s3), HTTPS, 'S3 through its gateway');
      client.addEgressRule(Peer.prefixList(lists.dynamodb), HTTPS, 'DynamoDB through its gateway');
    }
  }

  /** Pulling the image is all the sandbox network is for; its endpoints serve one role, one repository, and the layers' bucket. */
  #registryEndpoints(sandboxGroup: SecurityGroup): void {
    const vpc = this.sandboxVpc;
    const endpointGroup = this.#group('SandboxEndpoints', vpc, 'Endpoints of the sandbox network');
    const asImagePuller = { ArnEquals: { 'aws:PrincipalArn': this.#imagePullerArn() } };
    const pull = (actions: string[], resource: string) =>
      new PolicyStatement({ principals: [new AnyPrincipal()], actions, resources: [resource], conditions: asImagePuller });
    for (const [name, service] of [
      ['EcrApi', InterfaceVpcEndpointAwsService.ECR],
      ['EcrDocker', InterfaceVpcEndpointAwsService.ECR_DOCKER],
    ] as const) {
      const endpoint = vpc.addInterfaceEndpoint(name, {
        service,
        securityGroups: [endpointGroup],
        open: false,
        privateDnsEnabled: true,
      });
      endpoint.addToPolicy(pull(['ecr:GetAuthorizationToken'], '*'));
      endpoint.addToPolicy(
        pull(['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'], this.#imageRepositoryArn()),
      );
    }
    const layers = vpc.addGatewayEndpoint('Layers', { service: GatewayVpcEndpointAwsService.S3 });
    layers.addToPolicy(
      new PolicyStatement({
        principals: [new AnyPrincipal()],
        actions: ['s3:GetObject'],
        resources: [`arn:${this.partition}:s3:::prod-${REGION}-starport-layer-bucket/*`],
      }),
    );
    sandboxGroup.addEgressRule(endpointGroup, HTTPS, 'registry');
    endpointGroup.addIngressRule(sandboxGroup, HTTPS, 'sandboxes');
    sandboxGroup.addEgressRule(Peer.prefixList(PREFIX_LISTS[REGION].s3), HTTPS, 'image layers');
  }

  #imagePullerArn(): string {
    return this.formatArn({ service: 'iam', region: '', resource: 'role', resourceName: imagePullerName(this.#stage) });
  }

  /** Where `cdk bootstrap` lets images of assets be pushed. */
  #imageRepositoryArn(): string {
    const qualifier = this.synthesizer.bootstrapQualifier ?? DefaultStackSynthesizer.DEFAULT_QUALIFIER;
    const resourceName = `cdk-${qualifier}-container-assets-${this.account}-${this.region}`;
    return this.formatArn({ service: 'ecr', resource: 'repository', resourceName });
  }

  #peering(): CfnVPCPeeringConnection {
    const peering = new CfnVPCPeeringConnection(this, 'Peering', {
      vpcId: this.applicationVpc.vpcId,
      peerVpcId: this.sandboxVpc.vpcId,
    });
    const route = (subnet: ISubnet, name: string, destinationCidrBlock: string) =>
      new CfnRoute(this, name, {
        routeTableId: subnet.routeTable.routeTableId,
        destinationCidrBlock,
        vpcPeeringConnectionId: peering.ref,
      });
    for (const [index, subnet] of this.applicationVpc.isolatedSubnets.entries())
      route(subnet, `ToSandboxes${index}`, SANDBOX_CIDR);
    // The way back for answers; security groups let nothing begin there.
    for (const [index, subnet] of this.sandboxVpc.isolatedSubnets.entries()) route(subnet, `Answers${index}`, APPLICATION_CIDR);
    return peering;
  }

  #letDispatchersIn(dispatchers: SecurityGroup, sandboxes: SecurityGroup, peering: CfnVPCPeeringConnection): void {
    dispatchers.addEgressRule(Peer.ipv4(SANDBOX_CIDR), Port.tcp(SUPERVISOR_PORT), 'supervisors');
    sandboxes.addIngressRule(dispatchers, Port.tcp(SUPERVISOR_PORT), 'dispatchers', true);
    // A group of another network may be named only once the two are connected.
    sandboxes.node.addDependency(peering);
  }

  /** The resolver is the one thing security groups do not filter: it answers the registry's names, and no other. */
  #dnsFirewall(): void {
    const registry = new CfnFirewallDomainList(this, 'RegistryNames', {
      domains: [
        `api.ecr.${REGION}.amazonaws.com`,
        `${this.account}.dkr.ecr.${REGION}.amazonaws.com`,
        `prod-${REGION}-starport-layer-bucket.s3.${REGION}.amazonaws.com`,
        `prod-${REGION}-starport-layer-bucket.s3.amazonaws.com`,
      ],
    });
    const everything = new CfnFirewallDomainList(this, 'AllNames', { domains: ['*'] });
    const rules = new CfnFirewallRuleGroup(this, 'DnsRules', {
      firewallRules: [
        {
          priority: 1,
          action: 'ALLOW',
          firewallDomainListId: registry.attrId,
          // The registry's names are aliases of names that may change.
          firewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
        },
        { priority: 2, action: 'BLOCK', blockResponse: 'NXDOMAIN', firewallDomainListId: everything.attrId },
      ],
    });
    new CfnFirewallRuleGroupAssociation(this, 'DnsRulesOfSandboxes', {
      firewallRuleGroupId: rules.attrId,
      vpcId: this.sandboxVpc.vpcId,
      priority: 101,
      mutationProtection: 'ENABLED',
    });
  }

  #valkey(clients: SecurityGroup[], encryptionKey: IKey): string {
    const group = this.#group('ValkeyGroup', this.applicationVpc, 'Valkey');
    for (const client of clients) {
      client.addEgressRule(group, VALKEY, 'Valkey');
      group.addIngressRule(client, VALKEY, 'functions');
    }
    const cache = new CfnServerlessCache(this, 'Valkey', {
      engine: 'valkey',
      serverlessCacheName: `airlock-${this.#stage.name}`,
      description: 'Live events and counters; may be lost',
      subnetIds: this.applicationVpc.isolatedSubnets.map((subnet) => subnet.subnetId),
      securityGroupIds: [group.securityGroupId],
      kmsKeyId: encryptionKey.keyId,
      cacheUsageLimits: { dataStorage: { maximum: 5, unit: 'GB' }, ecpuPerSecond: { maximum: 10_000 } },
    });
    return `rediss://${cache.attrEndpointAddress}:6379?cluster=true`;
  }
}
