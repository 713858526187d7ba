import { Stack, type StackProps } from 'aws-cdk-lib';
import { SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { LocalSettings, Stage } from '../config.ts';
import type { Placement } from '../constructs/functions.ts';
import type { SandboxPlacement } from '../constructs/sandbox-tasks.ts';

/** What the application needs of its networks, whichever they are. */
export interface Network {
  /** Functions that reach Valkey. */
  readonly functions: Placement | undefined;
  /** Functions that also reach sandboxes. */
  readonly dispatchers: Placement | undefined;
  readonly sandboxes: SandboxPlacement;
  readonly valkeyUrl: string;
}

/**
 * The emulator runs functions on the machine itself and knows no peering, firewall or cache, so one plain network is enough for tasks
 * to have a place; the real walls around a local sandbox are made by the container engine.
 */
export class LocalNetworkStack extends Stack implements Network {
  readonly functions = undefined;
  readonly dispatchers = undefined;
  readonly sandboxes: SandboxPlacement;
  readonly valkeyUrl: string;

  constructor(scope: Construct, id: string, props: StackProps & { readonly stage: Stage; readonly local: LocalSettings }) {
    super(scope, id, props);
    const vpc = new Vpc(this, 'Sandboxes', {
      maxAzs: props.stage.availabilityZones,
      natGateways: 0,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'sandboxes', subnetType: SubnetType.PRIVATE_ISOLATED }],
    });
    this.sandboxes = {
      vpc,
      subnets: vpc.isolatedSubnets,
      securityGroup: new SecurityGroup(this, 'Sandbox', { vpc, allowAllOutbound: false }),
    };
    this.valkeyUrl = props.local.valkeyUrl;
  }
}
