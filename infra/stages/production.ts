import { join } from 'node:path';
import type { App } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { prepareImageContext } from '../../sandbox-images/image-context.ts';
import { acknowledgeFindings } from '../acknowledgements.ts';
import { type Bundles, largestJob } from '../bundling.ts';
import type { Stage } from '../config.ts';
import { ApplicationStack } from '../stacks/application.ts';
import { AwsNetworkStack, REGION } from '../stacks/aws-network.ts';
import { DataStack } from '../stacks/data.ts';
import { FrontDoorStack } from '../stacks/front-door.ts';

/** The stacks that stand on AWS, in the region where CloudFront takes its firewall from. */
export async function productionStage(app: App, stage: Stage, { bundleOf, configuration }: Bundles): Promise<void> {
  const account = process.env.CDK_DEFAULT_ACCOUNT;
  const env = { region: REGION, ...(account ? { account } : {}) };
  const protectedStack = { env, terminationProtection: true };
  const directory = join(app.outdir, 'sandbox-image');
  const context = await prepareImageContext({
    directory,
    architecture: 'arm64',
    cacheDir: join(import.meta.dirname, '../../.airlock/cache'),
  });

  const data = new DataStack(app, 'airlock-data', { stage, ...protectedStack });
  if (!data.encryptionKey) throw new Error('the production stage encrypts with its own key');
  const network = new AwsNetworkStack(app, 'airlock-network', { stage, encryptionKey: data.encryptionKey, env });
  const application = new ApplicationStack(app, 'airlock-application', {
    stage,
    data,
    network,
    bundleOf,
    largestJob: largestJob(configuration),
    configuration,
    sandboxImage: (scope) => {
      const { buildArgs } = context;
      const asset = new DockerImageAsset(scope, 'SandboxImage', {
        directory,
        buildArgs,
        platform: Platform.LINUX_ARM64,
        assetName: 'airlock-sandbox',
      });
      return { image: ContainerImage.fromDockerImageAsset(asset), id: context.imageId, architecture: 'ARM64' };
    },
    frontDoorSecret: data.frontDoorSecret,
    ...protectedStack,
  });
  new FrontDoorStack(app, 'airlock-front-door', {
    http: application.http.api,
    live: application.live.api,
    frontDoorSecret: data.frontDoorSecret,
    encryptionKey: data.encryptionKey,
    env,
  });
  acknowledgeFindings(app);
}
